import { Chalk } from "chalk";
import t from "tap";
import { deviceLines } from "../../../src/client/cli/format-devices.js";
import type { SignedInDevice } from "../../../src/client/core/messages.js";

process.env["TZ"] = "UTC";
const at = Date.UTC(2026, 0, 2, 3, 4, 5);
const device = (label: string, isThis: boolean): SignedInDevice => ({
  device: "ab".repeat(16) as SignedInDevice["device"],
  label,
  signedInAt: at,
  lastUsedAt: at,
  isThis,
});

t.test("devices stand below each other; one without a label is known by its id", (t) => {
  const times = "since 2026-01-02 03:04:05, last here 2026-01-02 03:04:05";
  t.same(deviceLines([device("phone", true), device("the old laptop", false)], new Chalk({ level: 0 })), [
    `phone (this one)  ${times}`,
    `the old laptop    ${times}`,
  ]);
  t.match(deviceLines([device("", false)], new Chalk({ level: 0 })), [/^(ab){16} {2}since/]);
  t.same(deviceLines([], new Chalk({ level: 0 })), []);
  t.end();
});
