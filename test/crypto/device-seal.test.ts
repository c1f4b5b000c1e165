import { inspect } from "node:util";
import t from "tap";
import { newDeviceKey, openForDevice, sealForDevice } from "../../src/crypto/device-seal.js";
import { utf8 } from "../../src/protocol/bytes.js";

const refused = { code: "undecryptable" };

t.test("a file of the device opens under its key and its name only", async (t) => {
  const key = newDeviceKey();
  const sealed = await sealForDevice(key, "session", utf8("token"));
  t.same(await openForDevice(key, "session", sealed), utf8("token"));
  await t.rejects(openForDevice(key, "account", sealed), refused, "put in another file's place");
  await t.rejects(openForDevice(newDeviceKey(), "session", sealed), refused);
});

t.test("a device key prints as [redacted]", async (t) => {
  t.equal(inspect({ key: newDeviceKey() }), "{ key: [redacted] }");
});
