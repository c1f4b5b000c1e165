/** Who is a member, after whichever events: PROTOCOL.md, "Groups". */
import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import t from "tap";
import type { GroupChange, SignedGroupEvent } from "../../src/crypto/group-event.js";
import { MAX_GROUP_MEMBERS } from "../../src/protocol/groups.js";
import { applyGroupEvent, type Group, type GroupOutcome } from "../../src/crypto/membership.js";
import type { AccountId } from "../../src/protocol/ids.js";

fc.configureGlobal({ seed: 7 });

/** Somebody's id, by a name. */
const who = (name: string): AccountId =>
  createHash("sha256").update(name).digest("hex").slice(0, 32) as AccountId;
const [alice, bob, carol, dave] = ["alice", "bob", "carol", "dave"].map(who) as [
  AccountId,
  AccountId,
  AccountId,
  AccountId,
];
const invite = new Uint8Array(16).fill(1);

/** An event as if it had been signed and checked. */
function event(group: Group | null, actor: AccountId, change: GroupChange): SignedGroupEvent {
  const bytes = randomBytes(8);
  return {
    number: (group?.epoch ?? 0) + 1,
    previous: group?.head ?? new Uint8Array(32),
    actor,
    at: 1,
    change,
    bytes,
    hash: createHash("sha256").update(bytes).digest(),
  };
}

function groupIn(outcome: GroupOutcome): Group {
  if ("refused" in outcome) throw new Error(outcome.refused);
  return outcome.group;
}

const apply = (group: Group | null, actor: AccountId, change: GroupChange): GroupOutcome =>
  applyGroupEvent(group, event(group, actor, change));
const next = (group: Group | null, actor: AccountId, change: GroupChange): Group =>
  groupIn(apply(group, actor, change));
const created = (members: readonly AccountId[] = [bob, carol]): Group =>
  next(null, alice, { type: "create", nonce: new Uint8Array(16), members });
const admins = ({ members }: Group): AccountId[] =>
  [...members].filter(([, { admin }]) => admin).map(([account]) => account);
const refusalOf = (group: Group | null, actor: AccountId, change: GroupChange): string | null => {
  const outcome = apply(group, actor, change);
  return "refused" in outcome ? outcome.refused : null;
};

t.test("who makes a group is its admin, and its members are those that were named", async (t) => {
  const group = created();
  t.same([...group.members.keys()], [alice, bob, carol]);
  t.same(admins(group), [alice]);
  t.equal(group.epoch, 1);
  t.equal(group.id, Buffer.from(group.head).toString("hex"));
  t.equal(refusalOf(null, alice, { type: "create", nonce: invite, members: [alice] }), "already");
  t.equal(refusalOf(null, alice, { type: "leave" }), "stale", "nothing begins with anything else");
  t.equal(refusalOf(group, alice, { type: "create", nonce: invite, members: [] }), "stale");
});

t.test("admins add, remove, promote and demote; others only leave", async (t) => {
  let group = created();
  for (const change of [
    { type: "add", members: [dave], invite: null },
    { type: "remove", members: [carol] },
    { type: "promote", members: [carol] },
    { type: "demote", members: [alice] },
    { type: "invite", invite, uses: 1 },
  ] as const) {
    t.equal(refusalOf(group, bob, change), "notAdmin", change.type);
    t.equal(refusalOf(group, dave, change), "notMember", change.type);
  }
  t.equal(refusalOf(group, dave, { type: "leave" }), "notMember");
  group = next(group, alice, { type: "add", members: [dave], invite: null });
  group = next(group, alice, { type: "promote", members: [bob] });
  group = next(group, bob, { type: "remove", members: [alice] });
  t.same([...group.members.keys()], [bob, carol, dave]);
  group = next(group, carol, { type: "leave" });
  t.same([...group.members.keys()], [bob, dave]);
  t.equal(group.epoch, 5);
});

t.test("what cannot be is refused, for its reason", async (t) => {
  const group = next(created(), alice, { type: "promote", members: [bob] });
  const refusals: readonly (readonly [AccountId, GroupChange, string])[] = [
    [alice, { type: "add", members: [bob], invite: null }, "already"],
    [alice, { type: "add", members: [dave, carol], invite: null }, "already"],
    [alice, { type: "remove", members: [dave] }, "noSuchMember"],
    [alice, { type: "remove", members: [alice] }, "yourself"],
    [alice, { type: "promote", members: [bob] }, "already"],
    [alice, { type: "promote", members: [dave] }, "noSuchMember"],
    [alice, { type: "demote", members: [carol] }, "noSuchMember"],
    [alice, { type: "demote", members: [alice, bob] }, "lastAdmin"],
    [alice, { type: "add", members: [dave], invite }, "noSuchInvite"],
  ];
  for (const [actor, change, reason] of refusals) t.equal(refusalOf(group, actor, change), reason);
  const others = Array.from({ length: MAX_GROUP_MEMBERS - 3 }, (_, index) => who(`${index}`));
  const full = next(group, alice, { type: "add", members: others, invite: null });
  t.equal(full.members.size, MAX_GROUP_MEMBERS);
  t.equal(refusalOf(full, alice, { type: "add", members: [dave], invite: null }), "tooMany");
});

t.test("of two events that follow the same one the second is stale, whoever made it", async (t) => {
  const group = next(created(), alice, { type: "promote", members: [bob] });
  const [one, other] = [
    event(group, alice, { type: "add", members: [dave], invite: null }),
    event(group, bob, { type: "remove", members: [carol] }),
  ];
  const after = groupIn(applyGroupEvent(group, one));
  t.same(applyGroupEvent(after, other), { refused: "stale" });
  t.same(applyGroupEvent(after, one), { refused: "stale" }, "and the same one again");
  const skipping = { ...event(after, alice, { type: "leave" }), number: after.epoch + 2 };
  t.same(applyGroupEvent(after, skipping), { refused: "stale" }, "nor may one be left out");
  const foreign = { ...event(after, alice, { type: "leave" }), previous: created().head };
  t.same(applyGroupEvent(after, foreign), { refused: "stale" }, "nor be another group's");
});

t.test("when the last admin leaves the group passes on to whoever has been there for longest", async (t) => {
  let group = created();
  group = next(group, alice, { type: "add", members: [dave], invite: null });
  group = next(group, bob, { type: "leave" });
  group = next(group, alice, { type: "leave" });
  t.same(admins(group), [carol]);
  group = next(group, carol, { type: "promote", members: [dave] });
  group = next(group, carol, { type: "leave" });
  t.same(admins(group), [dave], "who is admin already stays the only one");
  group = next(group, dave, { type: "leave" });
  t.equal(group.members.size, 0);
  t.equal(refusalOf(group, dave, { type: "leave" }), "notMember", "it has ended");
});

t.test("an invite lets so many in, and no more", async (t) => {
  let group = next(created([]), alice, { type: "invite", invite, uses: 2 });
  t.equal(refusalOf(group, alice, { type: "add", members: [bob, carol, dave], invite }), "noSuchInvite");
  group = next(group, alice, { type: "add", members: [bob], invite });
  group = next(group, alice, { type: "add", members: [carol], invite });
  t.equal(refusalOf(group, alice, { type: "add", members: [dave], invite }), "noSuchInvite");
  group = next(group, alice, { type: "invite", invite, uses: 1 });
  group = next(group, alice, { type: "invite", invite, uses: 0 });
  t.equal(refusalOf(group, alice, { type: "add", members: [dave], invite }), "noSuchInvite", "revoked");
});

t.test(
  "whatever is tried, somebody is admin, nobody stands there twice, and refusals change nothing",
  async (t) => {
    const people = ["a", "b", "c", "d", "e", "f"].map(who);
    const one = fc.constantFrom(...people);
    const some = fc.uniqueArray(one, { minLength: 1, maxLength: 3 });
    const change: fc.Arbitrary<GroupChange> = fc.oneof(
      fc.record({ type: fc.constant("add" as const), members: some, invite: fc.constantFrom(null, invite) }),
      fc.record({
        type: fc.constantFrom("remove" as const, "promote" as const, "demote" as const),
        members: some,
      }),
      fc.constant({ type: "leave" as const }),
      fc.record({ type: fc.constant("invite" as const), invite: fc.constant(invite), uses: fc.nat(3) }),
    );
    let applied = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(one, change), { maxLength: 30 }), (tries) => {
        let group = next(null, people[0] as AccountId, {
          type: "create",
          nonce: invite,
          members: people.slice(1, 3),
        });
        for (const [actor, tried] of tries) {
          const before = JSON.stringify([...group.members]);
          const outcome = apply(group, actor, tried);
          if (JSON.stringify([...group.members]) !== before) return false;
          if ("refused" in outcome) {
            refused++;
            continue;
          }
          applied++;
          // Only a member's event holds, and only an admin's but for leaving.
          const signer = group.members.get(actor);
          if (signer === undefined || (!signer.admin && tried.type !== "leave")) return false;
          if (outcome.group.epoch !== group.epoch + 1) return false;
          group = outcome.group;
          if (group.members.size > 0 && admins(group).length === 0) return false;
        }
        return true;
      }),
      { numRuns: 2_000 },
    );
    t.ok(applied > 1_000 && refused > 1_000, `${applied} held, ${refused} were refused`);
  },
);
