import t from "tap";
import { requireTime } from "../../../src/client/cli/time.js";

process.env["TZ"] = "America/New_York";
const iso = (text: string): string => new Date(requireTime("--before", text)).toISOString();

t.test("days and times are of this machine's zone, unless they name one", async (t) => {
  t.equal(iso("2026-01-31"), "2026-01-31T05:00:00.000Z");
  t.equal(iso("2026-01-31 17:05"), "2026-01-31T22:05:00.000Z");
  t.equal(iso("2026-07-31T17:05:09"), "2026-07-31T21:05:09.000Z");
  t.equal(iso("2026-01-31T17:05:09.678Z"), "2026-01-31T17:05:09.678Z");
  t.equal(iso("2026-01-31 17:05+01:00"), "2026-01-31T16:05:00.000Z");
});

t.test("what is no time is refused", async (t) => {
  for (const text of [
    "",
    "yesterday",
    "17:05",
    "2026-13-01",
    "2026-02-01 25:00",
    "31.01.2026",
    "2026-01-31 17",
  ]) {
    t.throws(() => requireTime("--before", text), { code: "badRequest" }, text);
  }
});
