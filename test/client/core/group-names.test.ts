/** Which group is meant by a title. */
import t from "tap";
import { GroupNames } from "../../../src/client/core/group-names.js";
import type { GroupSummary } from "../../../src/client/core/messages.js";
import type { Group } from "../../../src/crypto/membership.js";
import type { AccountId, ConversationId } from "../../../src/protocol/ids.js";

const ME = "aa".repeat(16) as AccountId;
const OTHER = "bb".repeat(16) as AccountId;
const idOf = (digit: string): ConversationId => digit.repeat(64) as ConversationId;

interface Known {
  readonly id: ConversationId;
  readonly title: string;
  readonly left?: boolean;
}

/** @param later what the archive brings */
function namesOver(known: readonly Known[], later: readonly Known[] = [], answers: readonly string[] = []) {
  const asked: string[] = [];
  const all = [...known];
  const left = [...answers];
  const names = new GroupNames({
    me: ME,
    groups: {
      list: () =>
        Promise.resolve(
          all.map(({ id, title, left }) => {
            const members = new Map([[left === true ? OTHER : ME, { admin: true }]]);
            return { group: { id, members } as unknown as Group, title };
          }),
        ),
      readOn: () => {
        all.push(...later);
        return Promise.resolve();
      },
    },
    describe: (id) => {
      const members = [{ name: `alice of ${id.slice(0, 1)}` }];
      return Promise.resolve({ id, members, isMember: true } as unknown as GroupSummary);
    },
    choose:
      answers.length === 0
        ? undefined
        : (title, groups) => {
            asked.push(`${title}: ${groups.map(({ id }) => id.slice(0, 1)).join(" ")}`);
            return Promise.resolve((left.shift() ?? null) as ConversationId | null);
          },
  });
  return { names, asked };
}

t.test(
  "a title names its group in any case, exactly spelled first, those that one is in before those one has left",
  async (t) => {
    const { names } = namesOver([
      { id: idOf("1"), title: "team" },
      { id: idOf("2"), title: "Team" },
      { id: idOf("3"), title: "Choir", left: true },
      { id: idOf("4"), title: "choir" },
      { id: idOf("5"), title: "Gone", left: true },
    ]);
    t.equal(await names.find("#Team"), idOf("2"));
    t.equal(await names.find("team"), idOf("1"));
    t.equal(await names.find("CHOIR"), idOf("4"));
    t.equal(await names.find("gone"), idOf("5"));
    t.equal(await names.find(idOf("3").toUpperCase()), idOf("3"));
  },
);

t.test("what is not known on this device the archive is asked for, before anything is refused", async (t) => {
  const { names } = namesOver([], [{ id: idOf("7"), title: "Late" }]);
  t.equal(await names.find("#Late"), idOf("7"));
  await t.rejects(names.find("#Never"), { code: "noSuchGroup", message: /no group called "Never"/ });
});

const TWO = [
  { id: idOf("1"), title: "Team" },
  { id: idOf("2"), title: "Team" },
];

t.test("of several with one title somebody is asked which, once", async (t) => {
  const { names, asked } = namesOver(TWO, [], [idOf("2")]);
  t.same(await Promise.all([names.find("#Team"), names.find("#Team")]), [idOf("2"), idOf("2")]);
  t.equal(await names.find("#Team"), idOf("2"));
  t.same(asked, ["Team: 1 2"]);
});

t.test(
  "where nobody says which, all are told with their members, and the next time is asked again",
  async (t) => {
    const refusal = {
      code: "badRequest",
      message: new RegExp(
        `Several groups .* by its id: ${idOf("1")} \\(alice of 1\\), ${idOf("2")} \\(alice of 2\\)`,
      ),
    };
    await t.rejects(namesOver(TWO).names.find("#Team"), refusal);
    const { names, asked } = namesOver(TWO, [], ["nonsense", idOf("1")]);
    await t.rejects(names.find("#Team"), refusal);
    t.equal(await names.find("#Team"), idOf("1"));
    t.equal(asked.length, 2);
  },
);
