/** What a service could try with a group (SECURITY.md, "Groups"): each is refused, or told at the first message that shows it. */
import { randomBytes } from "node:crypto";
import t from "tap";
import { sealEnvelope } from "../../../src/crypto/envelope.js";
import { signGroupEvent, type GroupChange } from "../../../src/crypto/group-event.js";
import { identityFromSeed } from "../../../src/crypto/identity.js";
import { Outcome } from "../../../src/protocol/hot.js";
import type { ConversationId, MessageId, UserName } from "../../../src/protocol/ids.js";
import { turns } from "./device.js";
import { Scene, texts, type Screen } from "./groups-scene.js";

/** Alice's group with the two others, all of whom have heard of it. */
async function team() {
  const scene = await Scene.open();
  const [alice, bob, carol] = await scene.everybody();
  const { id } = await scene.create(alice, "Team", "bob", "carol");
  await scene.until(() => bob.received.length === 1 && carol.received.length === 1);
  await scene.quiet();
  const { service } = scene;
  const eventsOf = () => service.groups.logs.of(id).map(({ bytes }) => bytes);
  return { scene, service, alice, bob, carol, id, eventsOf };
}

/** What alice signs, unknown to her client: as if another device of hers had, with a service that tells each what it likes. */
async function signed(
  scene: Scene,
  by: "alice" | "bob",
  number: number,
  previous: Uint8Array,
  change: GroupChange,
) {
  const identity = scene.people.get(by)?.keys.identity;
  if (identity === undefined) throw new Error("nobody");
  return signGroupEvent(identity, { number, previous, at: 1, change });
}

const kinds = ({ alarms }: Screen): string[] => alarms.map(({ kind }) => kind);

t.test("a ghost that no admin added gets nothing, and the service's showing it is told", async (t) => {
  const { scene, service, alice, bob, id, eventsOf } = await team();
  const ghost = await identityFromSeed(randomBytes(32));
  const head = service.groups.logs.of(id)[0]?.hash as Uint8Array;
  const change = { type: "add", members: [ghost.account], invite: null } as const;
  const forged = await signGroupEvent(ghost, { number: 2, previous: head, at: 1, change });
  service.onGroupRequest = (_account, request) =>
    request.type === "groupLog"
      ? { type: "groupEvents", events: [...eventsOf(), forged.bytes].slice(request.after), more: false }
      : null;
  for (const session of service.sessions) session.say({ type: "groupChanged", group: id, epoch: 2 });
  await scene.until(() => alice.alarms.length > 0 && bob.alarms.length > 0);
  t.same([kinds(alice), kinds(bob)], [["forged"], ["forged"]]);
  await scene.done(alice.client.send("#Team", "for members only"));
  t.equal(service.sends.at(-1)?.epoch, 1);
  t.notOk(service.sends.at(-1)?.keys.some(({ recipient }) => recipient === ghost.account));
  t.same(
    (await scene.history(alice)).filter((line) => line.startsWith("*")).length,
    1,
    "no such change is shown",
  );
  await scene.close();
});

t.test(
  "nobody is taken back to an old membership: not who sends, and not a message that would be",
  async (t) => {
    const { scene, service, alice, bob, carol } = await team();
    await scene.change(alice, "remove", "carol");
    await scene.until(() => bob.notices.length === 2);
    await scene.done(alice.client.send("#Team", "without carol"));
    await scene.until(() => texts(bob).includes("alice: without carol"));
    const before = service.sends.length;
    // It calls the newest membership stale, and shows an older one for it.
    service.onSend = (session, frame) => {
      if (frame.epoch === 0) return false;
      service.answer(session, frame, Outcome.staleEpoch);
      return true;
    };
    service.onGroupRequest = (_account, request) =>
      request.type === "groupLog" ? { type: "groupEvents", events: [], more: false } : null;
    const sending = bob.client.send("#Team", "to whom?").catch((error: unknown) => error);
    const failed = await scene.done(sending);
    t.ok(failed instanceof Error, "it is not sent");
    t.same(kinds(bob), ["hidden"]);
    t.ok(service.sends.length - before < 200, "nor tried without pause");
    t.ok(
      service.sends.slice(before).every(({ epoch, keys }) => epoch === 2 && keys.length === 1),
      "and never for Carol",
    );
    service.onSend = () => false;
    service.onGroupRequest = () => null;
    // Alice's other device, which was told of nothing, is made to write by the membership before.
    const old = await scene.silent(await scene.device("alice"));
    service.onGroupRequest = (_account, request) =>
      request.type === "groupLog" && request.after > 0
        ? { type: "groupEvents", events: [], more: false }
        : null;
    await scene.done(old.client.send("#Team", "by all that she knows"));
    t.equal(service.sends.at(-1)?.epoch, 2, "her archive knows better than the service says");
    t.notOk(service.sends.at(-1)?.keys.some(({ recipient }) => recipient === carol.client.me.account));
    await scene.close();
  },
);

t.test(
  "a message that goes back behind what its device had written by is not taken for genuine",
  async (t) => {
    const { scene, service, alice, bob, id } = await team();
    await scene.done(alice.client.send("#Team", "by the first membership"));
    await scene.until(() => texts(bob).includes("alice: by the first membership"));
    await scene.change(alice, "remove", "carol");
    await scene.done(alice.client.send("#Team", "by the second"));
    await scene.until(() => texts(bob).includes("alice: by the second"));
    await scene.quiet();
    // As one who has Alice's keys of before could make it, with a service that lets it pass.
    const [maker, reader] = [scene.people.get("alice"), scene.people.get("bob")];
    const message = randomBytes(16).toString("hex") as MessageId;
    if (maker === undefined || reader === undefined) throw new Error("nobody");
    const sealed = await sealEnvelope({
      message,
      conversation: id,
      device: alice.client.me.device,
      sequence: 100,
      sentAt: 1,
      epoch: 1,
      head: service.groups.logs.of(id)[0]?.hash as Uint8Array,
      payload: { type: "text", text: "from before" },
      recipients: [reader.verified],
      identity: maker.keys.identity,
    });
    const frame = {
      epoch: 1,
      message,
      account: maker.account,
      conversation: id,
      keys: sealed.keys,
      envelope: sealed.envelope,
    };
    for (const session of service.sessions) if (session.account === reader.account) session.deliver(frame);
    service.mailbox(reader.account).push(frame);
    await scene.quiet();
    t.notOk(texts(bob).includes("alice: from before"));
    t.equal((await scene.history(bob)).at(-1), "invalid");
    await scene.close();
  },
);

t.test("of two logs that two members are shown, the first message between them tells", async (t) => {
  const { scene, service, alice, bob, carol, id, eventsOf } = await team();
  await scene.change(alice, "promote", "bob");
  await scene.until(() => bob.notices.length === 2 && carol.notices.length === 2);
  const head = service.groups.logs.of(id)[1]?.hash as Uint8Array;
  const invite = { type: "invite", invite: new Uint8Array(16), uses: 5 } as const;
  const forAlice = await signed(scene, "alice", 3, head, invite);
  const forBob = await signed(scene, "bob", 3, head, { ...invite, uses: 6 });
  service.onGroupRequest = (account, request) => {
    if (request.type !== "groupLog") return null;
    const third = account === bob.client.me.account ? forBob : forAlice;
    return { type: "groupEvents", events: [...eventsOf(), third.bytes].slice(request.after), more: false };
  };
  for (const session of service.sessions) session.say({ type: "groupChanged", group: id, epoch: 3 });
  await scene.until(
    () => [alice, bob, carol].every(({ notices }) => notices.length >= 2) && bob.notices.length === 3,
  );
  await scene.until(() => carol.notices.length === 3);
  service.onSend = (session, frame) => {
    service.take(session, frame);
    return true;
  };
  await scene.done(alice.client.groups.info("Team"));
  await scene.done(alice.client.send("#Team", "by my log"));
  await scene.until(() => bob.alarms.length > 0 && texts(carol).includes("alice: by my log"));
  t.same([kinds(bob), kinds(carol)], [["forked"], []]);
  await scene.quiet();
  t.notOk(texts(bob).includes("alice: by my log"));
  t.equal((await scene.history(bob)).at(-1), "invalid");
  await scene.close();
});

t.test("a change that the service hides is told by the first message that names it", async (t) => {
  const { scene, service, alice, bob, carol } = await team();
  const blind = bob.client.me.account;
  service.tellsOfGroups = false;
  service.onGroupRequest = (account, request) => {
    if (account !== blind) return null;
    if (request.type === "groupLog") return { type: "groupEvents", events: [], more: false };
    return request.type === "groupHeads"
      ? { type: "groupEpochs", epochs: request.groups.map(() => 1) }
      : null;
  };
  await scene.change(alice, "promote", "carol");
  await scene.done(alice.client.send("#Team", "carol is admin now"));
  await scene.until(() => bob.alarms.length > 0 && texts(carol).includes("alice: carol is admin now"));
  t.same(kinds(bob), ["hidden"]);
  t.notOk(texts(bob).includes("alice: carol is admin now"));
  await scene.quiet();
  t.equal((await scene.history(bob)).at(-1), "waiting", "it is kept as it came");
  // The service thinks better of it.
  service.onGroupRequest = () => null;
  await scene.done(bob.client.groups.info("Team"));
  t.ok((await scene.history(bob)).includes("alice: carol is admin now"));
  await scene.close();
});

t.test("a log that has become shorter is told when this device comes back", async (t) => {
  const { scene, service, alice, bob } = await team();
  await scene.change(alice, "promote", "bob");
  await scene.until(() => bob.notices.length === 2);
  service.onGroupRequest = (_account, request) =>
    request.type === "groupHeads" ? { type: "groupEpochs", epochs: request.groups.map(() => 1) } : null;
  service.cut();
  await scene.until(() => bob.alarms.length > 0);
  t.same(kinds(bob), ["hidden"]);
  await scene.close();
});

t.test("a message that is moved to another group is none there", async (t) => {
  const { scene, service, alice, bob, id } = await team();
  const other = await scene.create(alice, "Other", "bob");
  await scene.until(() => bob.received.length === 2);
  service.onSend = (session, frame) => {
    const moved = { ...frame, conversation: frame.conversation === id ? other.id : id };
    if (frame.account !== alice.client.me.account || frame.epoch === 0) return false;
    service.take(session, moved);
    return true;
  };
  void alice.client.send("#Team", "for the team").catch(() => undefined);
  await scene.until(() => service.acks.length >= 3);
  await scene.quiet();
  t.notOk(texts(bob).some((line) => line.includes("for the team")));
  t.equal((await scene.history(bob, "#Other")).at(-1), "invalid");
  await scene.close();
});

t.test("a group that is not the log's own, or that this account was never in, is none", async (t) => {
  const { scene, service, alice, bob, id, eventsOf } = await team();
  service.onGroupRequest = (_account, request) =>
    request.type === "groupLog" ? { type: "groupEvents", events: eventsOf(), more: false } : null;
  const another = randomBytes(32).toString("hex") as ConversationId;
  for (const session of service.sessions) session.say({ type: "groupChanged", group: another, epoch: 3 });
  await turns(200);
  t.ok((await scene.done(bob.client.groups.list(true))).every((group) => group.id === id));
  service.onGroupRequest = () => null;
  const solo = await scene.done(alice.client.groups.create("Solo", [] as UserName[]));
  const [made] = service.groups.logs.of(solo.id);
  service.onGroupRequest = (_account, request) =>
    request.type === "groupLog" && made !== undefined
      ? { type: "groupEvents", events: [made.bytes].slice(request.after), more: false }
      : null;
  for (const session of service.sessions) session.say({ type: "groupChanged", group: solo.id, epoch: 1 });
  await scene.until(() => bob.notices.length >= 1);
  await turns(200);
  t.same(
    (await scene.done(bob.client.groups.list(false))).map((group) => group.id),
    [id],
  );
  await scene.close();
});
