import { chmodSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { DeviceHome, homeFolder } from "../../../src/client/node/home.js";
import { parseAddress } from "../../../src/protocol/address.js";

const service = parseAddress("fastchat://chat.example:7440");
const pin = new Uint8Array(32).fill(7);

t.test("the folder is FASTCHAT_HOME, else where the platform keeps data", (t) => {
  t.equal(homeFolder({ FASTCHAT_HOME: "/somewhere" }), "/somewhere");
  t.match(homeFolder({ FASTCHAT_HOME: "" }), /fastchat$/);
  t.end();
});

t.test("the service and its key are remembered across processes, by host and port", async (t) => {
  const folder = join(t.testdir(), "home");
  const home = new DeviceHome(folder);
  t.equal(await home.currentService(), null);
  t.equal(await home.knownKey(service), null);
  await Promise.all([
    home.setCurrentService({ ...service, pin }),
    home.rememberKey(service, { kind: "pin", pin }),
    home.rememberKey({ ...service, port: 1 }, { kind: "vouched" }),
  ]);
  const later = new DeviceHome(folder);
  t.same(await later.currentService(), service, "the address without its pin, which stands beside it");
  t.same(await later.knownKey(service), { kind: "pin", pin });
  t.same(await later.knownKey({ ...service, host: "CHAT.example" }), { kind: "pin", pin });
  t.same(await later.knownKey({ ...service, port: 1 }), { kind: "vouched" });
  t.equal(await later.knownKey({ ...service, port: 2 }), null);
  t.equal(statSync(join(folder, "known", "services.json")).mode & 0o777, 0o600);
});

t.test("a damaged memory is told, and never taken for an empty one", async (t) => {
  const folder = t.testdir({ known: {} });
  for (const text of ["", "{", "{}", '{"current":null,"known":{"a:1":{"pin":"short"}}}']) {
    writeFileSync(join(folder, "known", "services.json"), text);
    await t.rejects(new DeviceHome(folder).knownKey(service), {
      code: "badConfig",
      message: /services\.json/,
    });
  }
});

t.test("a folder that was there keeps its permissions", async (t) => {
  const folder = t.testdir();
  chmodSync(folder, 0o755);
  const home = new DeviceHome(folder);
  await home.setCurrentService(service);
  await home.storage.write("account", pin);
  t.equal(statSync(folder).mode & 0o777, 0o755);
  t.equal(statSync(join(folder, "device")).mode & 0o777, 0o700);
});
