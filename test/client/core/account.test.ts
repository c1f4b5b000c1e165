/** Signing up, logging in, and what a device keeps (PROTOCOL.md, "Accounts and placement", "On the device"). */
import { inspect } from "node:util";
import t from "tap";
import { readAccount } from "../../../src/client/core/account-file.js";
import { Client } from "../../../src/client/core/client.js";
import { DeviceFiles } from "../../../src/client/core/device-files.js";
import { sealVault } from "../../../src/crypto/vault.js";
import { toBase64Url, toHex } from "../../../src/protocol/bytes.js";
import type { UserName } from "../../../src/protocol/ids.js";
import { enrol, exportKeyOf, inTime, listenTo, PASSWORD, Process, resume, signedIn } from "./device.js";
import { historyOf } from "./mail.js";
import { Service } from "./service.js";

const credentials = { name: "Alice", password: PASSWORD, deviceLabel: "a test's device" };

t.test("who registers is signed in, is remembered, and can be written to", async (t) => {
  const service = new Service();
  await enrol(service, "bob");
  const process = new Process(service);
  const carol = await Client.register(process.ports, { ...credentials, name: "Carol", rsaBits: 2048 });
  t.equal(carol.me.name, "carol");
  const again = await resume(process.restart());
  t.strictSame(again.me, carol.me);
  await inTime(service, again.send("carol", "note"));
  t.strictSame(await historyOf(service, again), ["note"]);
  await inTime(service, again.close());
});

t.test("an account of a name that is taken is not made, and leaves nothing behind", async (t) => {
  const service = new Service();
  await enrol(service, "alice");
  const process = new Process(service);
  await t.rejects(Client.register(process.ports, { ...credentials, rsaBits: 2048 }), { code: "nameTaken" });
  await t.rejects(resume(process), { code: "notSignedIn" });
});

t.test("an invite is shown at both steps of a sign-up", async (t) => {
  const service = new Service();
  service.invite = "7K2M-AAAA";
  const ports = () => new Process(service).ports;
  await t.rejects(Client.register(ports(), { ...credentials, rsaBits: 2048 }), { code: "badInvite" });
  const alice = await Client.register(ports(), { ...credentials, rsaBits: 2048, invite: "7K2M-AAAA" });
  t.equal(alice.me.name, "alice");
  await inTime(service, alice.close());
});

t.test("who logs in on another device finds account, history and what waits", async (t) => {
  const service = new Service();
  const alice = await enrol(service, "alice");
  const bob = await enrol(service, "bob");
  const first = await resume(await signedIn(service, alice, "alice"));
  await inTime(service, first.send("bob", "from the first device"));
  await inTime(service, first.close());
  const bobs = await resume(await signedIn(service, bob, "bob"));
  await inTime(service, bobs.send("alice", "while she was away"));
  await inTime(service, bobs.close());

  const second = await Client.login(new Process(service).ports, credentials);
  t.equal(second.me.account, first.me.account);
  t.not(second.me.device, first.me.device);
  const { texts } = await listenTo(second);
  await inTime(service, () => texts().length === 1);
  t.strictSame(texts(), ["while she was away"]);
  await inTime(service, () => service.acks.length === 1);
  t.strictSame(await historyOf(service, second), ["from the first device", "while she was away"]);
  await inTime(service, second.close());
});

t.test("a wrong password and an unknown name are told alike, after the same requests", async (t) => {
  const failures: { readonly code: string; readonly message: string; readonly requests: string[] }[] = [];
  for (const wrong of [{ password: "wrong" }, { name: "nobody" }]) {
    const service = new Service();
    await enrol(service, "alice");
    const process = new Process(service);
    const failure = (await Client.login(process.ports, { ...credentials, ...wrong }).catch(
      (error: unknown) => error,
    )) as { code: string; message: string };
    failures.push({ code: failure.code, message: failure.message, requests: service.requests });
    t.strictSame([...process.storage.files.keys()], ["device-key"]);
  }
  t.strictSame(failures[0], failures[1]);
  t.match(failures[0], { code: "loginFailed", message: /Name or password/ });
});

t.test(
  "a service that asks for a cheap password hash is refused, unless a laboratory takes it",
  async (t) => {
    for (const weaker of [{ memoryKiB: 65_535 }, { iterations: 2 }]) {
      const service = new Service();
      await enrol(service, "alice");
      service.stretching = { ...service.stretching, ...weaker };
      const weak = { code: "forbidden", message: /no less than 65536 KiB and 3 passes/ };
      await t.rejects(Client.login(new Process(service).ports, credentials), weak);
      const carol = { ...credentials, name: "carol", rsaBits: 2048 };
      await t.rejects(Client.register(new Process(service).ports, carol), weak);
      t.notOk(
        service.requests.some((request) => request.endsWith("/finish")),
        "nothing is hashed for it",
      );
      const laboratory = { acceptWeakStretching: true };
      t.ok(await Client.login(new Process(service).ports, credentials, laboratory));
    }
  },
);

t.test("an older vault than the device has seen is refused", async (t) => {
  const service = new Service();
  const alice = await enrol(service, "alice");
  const process = new Process(service);
  const seal = (generation: number) =>
    sealVault({
      contents: alice.contents,
      account: alice.account,
      generation,
      exportKey: exportKeyOf(PASSWORD),
    });
  const give = (vault: Awaited<ReturnType<typeof seal>>): void => {
    const known = service.accounts.get("alice" as UserName);
    if (known !== undefined)
      service.addAccount("alice" as UserName, alice.account, known.card, vault, known.record);
  };
  const [older, newer] = await Promise.all([seal(1), seal(2)]);
  give(newer);
  await Client.login(process.ports, credentials);
  give(older);
  await t.rejects(Client.login(process.ports, credentials), {
    code: "undecryptable",
    message: /older vault \(generation 1\).*\(2\)/,
  });
  give({ ...older, generation: 3 });
  await t.rejects(
    Client.login(process.ports, credentials),
    { code: "undecryptable" },
    "nor by another number",
  );
  give(newer);
  t.ok(await Client.login(process.ports, credentials));
});

t.test("a vault that was changed is refused", async (t) => {
  const service = new Service();
  const alice = await enrol(service, "alice");
  const known = service.accounts.get("alice" as UserName);
  if (known === undefined) throw new Error("alice has no account");
  const sealed = `${known.vault.sealed.slice(0, -2)}AA`;
  service.addAccount(
    "alice" as UserName,
    alice.account,
    known.card,
    { ...known.vault, sealed },
    known.record,
  );
  await t.rejects(Client.login(new Process(service).ports, credentials), { code: "undecryptable" });
});

t.test("a device belongs to one account", async (t) => {
  const service = new Service();
  const alice = await enrol(service, "alice");
  await enrol(service, "bob");
  const process = await signedIn(service, alice, "alice");
  await t.rejects(Client.login(process.ports, { ...credentials, name: "bob" }), {
    code: "conflict",
    message: /belongs to the account "alice"/,
  });
  await t.rejects(Client.register(process.ports, { ...credentials, name: "carol" }), { code: "conflict" });
  t.ok(await Client.login(process.ports, credentials), "its own account may log in again");
});

t.test(
  "nothing but the device's key lies on the device in the clear, and no secret is printed",
  async (t) => {
    const service = new Service();
    const alice = await enrol(service, "alice");
    await enrol(service, "bob");
    const process = await signedIn(service, alice, "alice");
    const client = await resume(process);
    const text = "a text that nobody else may read";
    service.archive.away = true;
    await inTime(service, client.send("bob", text));
    await inTime(service, client.close());
    const files = await DeviceFiles.open(process.storage);
    const record = await readAccount(files);
    if (record === null) throw new Error("there is no account on the device");
    const { identitySeed, archive } = record.vault;
    const secrets = [text, record.token, toHex(identitySeed), toHex(archive.token), toBase64Url(archive.key)];
    const everything = [...process.storage.files]
      .filter(([name]) => name !== "device-key")
      .map(([name, bytes]) => `${name}\n${Buffer.from(bytes).toString("latin1")}\n${toHex(bytes)}`)
      .join("\n");
    t.ok(everything.includes("outbox-"));
    for (const secret of [...secrets, "bob"]) t.notOk(everything.includes(secret));
    const printed =
      inspect([client, files, record], { depth: 12, showHidden: false }) + JSON.stringify(record);
    for (const secret of secrets) t.notOk(printed.includes(secret));
  },
);

t.test("damaged files are told from missing ones, and logging in mends them", async (t) => {
  const service = new Service();
  const alice = await enrol(service, "alice");
  const process = await signedIn(service, alice, "alice");
  process.storage.files.set("account", new Uint8Array(100));
  await t.rejects(resume(process), { code: "undecryptable" });
  t.ok(await Client.login(process.ports, credentials));
  t.ok(await resume(process));
  process.storage.files.set("device-key", new Uint8Array(3));
  await t.rejects(resume(process), { code: "undecryptable" });
});

t.test("logging out ends the session and empties the device", async (t) => {
  const service = new Service();
  const alice = await enrol(service, "alice");
  await enrol(service, "bob");
  const process = await signedIn(service, alice, "alice");
  const client = await resume(process);
  await inTime(service, client.send("bob", "goodbye"));
  await inTime(service, client.logout());
  t.equal(process.storage.files.size, 0);
  t.ok(service.requests.includes("POST /v1/logout"));
  await t.rejects(client.send("bob", "still there?"), { code: "unavailable" });
});

t.test("messages that wait are not thrown away by logging out, unless that is asked for", async (t) => {
  const service = new Service();
  const alice = await enrol(service, "alice");
  await enrol(service, "bob");
  const process = await signedIn(service, alice, "alice");
  service.chatAway = true;
  const client = await resume(process, { sendPatienceMs: 1000 });
  await inTime(service, t.rejects(client.send("bob", "waits"), { message: /is kept/ }));
  await inTime(service, t.rejects(client.logout(), { code: "unavailable" }));
  service.balancerAway = true;
  const again = await resume(process.restart());
  await inTime(service, again.logout({ discard: true }));
  t.pass("although the service cannot be told");
});
