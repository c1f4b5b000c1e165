/** Coming into a group by a link (PROTOCOL.md, "Invites"). */
import t from "tap";
import { inviteProof, makeInviteLink, openInviteLink } from "../../../src/crypto/group-invite.js";
import type { UserName } from "../../../src/protocol/ids.js";
import { turns } from "./device.js";
import { Scene, texts, type Screen } from "./groups-scene.js";

async function team() {
  const scene = await Scene.open();
  const [alice, bob, carol] = await scene.everybody();
  const { id } = await scene.create(alice, "Team", "bob");
  await scene.until(() => bob.received.length === 1);
  const members = async () =>
    (await scene.done(alice.client.groups.info("Team"))).members.map(({ name }) => name);
  return { scene, alice, bob, carol, id, members };
}

const invited = ({ scene, alice }: { scene: Scene; alice: Screen }, uses = 1, days = 1) =>
  scene.done(alice.client.invites.make("Team", uses, days));

t.test(
  "who has the link is let in by the admin who made it, and told what the group is called",
  async (t) => {
    const all = await team();
    const { scene, alice, bob, carol, members } = all;
    const link = await invited(all);
    t.equal(await scene.done(carol.client.invites.join(link)), "alice");
    await scene.until(() => carol.notices.some(({ group }) => group.title === "Team"));
    t.same(await members(), ["alice", "bob", "carol"]);
    await scene.until(() => bob.notices.some(({ text }) => text === "alice added carol"));
    t.ok(texts(alice).some((line) => line.startsWith("carol: (asks to be let into a group")));
    await scene.done(carol.client.send("#Team", "here I am"));
    await scene.until(() => texts(bob).includes("carol: here I am"));
    await t.rejects(scene.done(carol.client.invites.join(link)), { code: "conflict" });
    await scene.close();
  },
);

t.test("a link lets in as many as it was made for, and nobody once it is revoked or has ended", async (t) => {
  const all = await team();
  const { scene, alice, bob, carol, id, members } = all;
  const used = await invited(all);
  await scene.done(carol.client.invites.join(used));
  await scene.until(() => carol.notices.length > 0);
  await scene.change(alice, "remove", "carol");
  await scene.until(() => carol.notices.some(({ text }) => text === "alice removed carol"));
  await scene.done(carol.client.invites.join(used));
  await scene.until(() => texts(alice).filter((line) => line.includes("asks to be let")).length === 2);
  await turns(300);
  t.same(await members(), ["alice", "bob"], "it was for one");

  const revoked = await invited(all, 5);
  t.equal(await scene.done(alice.client.invites.revoke(revoked)), id);
  await scene.done(carol.client.invites.join(revoked));
  const ended = await invited(all, 5, 1);
  scene.service.clock.advance(86_400_001);
  await t.rejects(scene.done(carol.client.invites.join(ended)), { code: "badRequest", message: /ended/ });
  // One whose clock goes slow, or who lies about it: the admin's counts.
  const { invite, until, secret } = await openInviteLink(ended);
  const proof = await inviteProof(secret, { group: id, invite, until }, carol.client.me.account);
  const payload = { type: "join", group: id, invite, until, proof } as const;
  await alice.client.invites.answer(carol.client.me.account, payload);
  t.same(await members(), ["alice", "bob"]);
  t.equal(bob.alarms.length, 0);
  await scene.close();
});

t.test(
  "a request with another's proof, for another group, or to one who is no admin any more, comes to nothing",
  async (t) => {
    const all = await team();
    const { scene, alice, bob, carol, id, members } = all;
    const link = await invited(all, 5);
    const { invite, until, secret } = await openInviteLink(link);
    const terms = { group: id, invite, until };
    const bobsProof = await inviteProof(secret, terms, bob.client.me.account);
    await alice.client.invites.answer(carol.client.me.account, { type: "join", ...terms, proof: bobsProof });
    const longer = { ...terms, until: until + 1 };
    const ownProof = await inviteProof(secret, terms, carol.client.me.account);
    await alice.client.invites.answer(carol.client.me.account, { type: "join", ...longer, proof: ownProof });
    t.same(await members(), ["alice", "bob"]);
    await scene.change(alice, "promote", "bob");
    await scene.done(bob.client.groups.change("Team", "demote", ["alice" as UserName]));
    await alice.client.invites.answer(carol.client.me.account, { type: "join", ...terms, proof: ownProof });
    t.same(await members(), ["alice", "bob"]);
    await scene.close();
  },
);

t.test("links are made by admins, for a number of people and of days", async (t) => {
  const all = await team();
  const { scene, alice, bob } = all;
  const { invites } = alice.client;
  for (const [uses, days] of [
    [0, 1],
    [1001, 1],
    [1.5, 1],
    [1, 0],
    [1, 366],
  ] as const) {
    await t.rejects(scene.done(invites.make("Team", uses, days)), { code: "badRequest" });
  }
  await t.rejects(scene.done(bob.client.invites.make("Team", 1, 1)), { code: "forbidden" });
  await t.rejects(scene.done(invites.join("https://example.org/")), { code: "badRequest" });
  const person = scene.people.get("bob");
  if (person === undefined) throw new Error("nobody");
  const forged = await makeInviteLink(person.keys.identity, person.contents.archive.indexKey, {
    group: all.id,
    invite: new Uint8Array(16),
    until: scene.service.clock.now() + 1e6,
  });
  t.equal(
    await scene.done(all.carol.client.invites.join(forged)),
    "bob",
    "whoever made the link is asked, and cannot",
  );
  await scene.until(() => texts(bob).some((line) => line.includes("asks to be let")));
  await turns(300);
  t.equal((await scene.done(alice.client.groups.info("Team"))).members.length, 2);
  await scene.close();
});

t.test("of two devices of the admin that see the request one lets in, and once", async (t) => {
  const all = await team();
  const { scene, carol, id } = all;
  const link = await invited(all, 1);
  await scene.listening("alice");
  await scene.done(carol.client.invites.join(link));
  await scene.until(() => carol.notices.length > 0);
  await scene.quiet();
  await turns(300);
  const adds = scene.service.groups.logs.of(id).length;
  t.equal(adds, 3, "made, invited, added");
  await scene.close();
});
