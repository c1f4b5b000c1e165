import { join } from "node:path";
import t from "tap";
import { addressOfSession, addressToSignIn } from "../../../src/client/cli/address.js";
import { DeviceHome } from "../../../src/client/node/home.js";
import { formatAddress, parseAddress } from "../../../src/protocol/address.js";

const pin = new Uint8Array(32).fill(9);
const PIN = Buffer.from(pin).toString("base64url");
const here = parseAddress("fastchat://here.example:7440");

async function homeAt(folder: string, kind: "pin" | "vouched"): Promise<DeviceHome> {
  const home = new DeviceHome(join(folder, kind));
  await home.setCurrentService(here);
  await home.rememberKey(here, kind === "pin" ? { kind, pin } : { kind });
  return home;
}

t.test("to sign in: the address given, else the one remembered, else this machine's", async (t) => {
  const fresh = new DeviceHome(join(t.testdir(), "fresh"));
  t.equal(formatAddress(await addressToSignIn(fresh, undefined)), "fastchat://127.0.0.1:7440");
  const home = await homeAt(t.testdir(), "pin");
  t.same(await addressToSignIn(home, undefined), here);
  t.equal(
    formatAddress(await addressToSignIn(home, "fastchat://there.example")),
    "fastchat://there.example:7440",
  );
  await t.rejects(addressToSignIn(home, "http://there.example"), {
    code: "badRequest",
    message: /fastchat:\/\//,
  });
});

t.test("a session's token goes to no other key than that of the service that gave it", async (t) => {
  const home = await homeAt(t.testdir(), "pin");
  t.same(await addressOfSession(home, undefined), here);
  t.same(await addressOfSession(home, "fastchat://HERE.example:7440"), { ...here, host: "HERE.example" });
  const moved = await addressOfSession(home, "fastchat://there.example:1");
  t.same(moved.pin, pin, "at another address the same key is asked for");
  const other = `fastchat://there.example:1#${PIN.replace(/^./, "A")}`;
  t.equal(formatAddress(await addressOfSession(home, other)), other, "unless the person names one");
});

t.test("where no login was completed there is no session, whatever address is given", async (t) => {
  const fresh = new DeviceHome(join(t.testdir(), "fresh"));
  for (const given of [undefined, "fastchat://there.example"]) {
    await t.rejects(addressOfSession(fresh, given), { code: "notSignedIn" });
  }
});

t.test("one that was vouched for cannot be moved to another name without a pin", async (t) => {
  const home = await homeAt(t.testdir(), "vouched");
  t.same(await addressOfSession(home, "fastchat://here.example"), here);
  await t.rejects(addressOfSession(home, "fastchat://there.example"), {
    code: "badRequest",
    message: /signed in at here\.example:7440/,
  });
});
