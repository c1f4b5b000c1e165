/** The groups of a schedule: who is in them, what is written to them, and how they change. */
import type { Chance } from "./chance.js";
import type { Action } from "./schedule.js";

export interface PlannedGroup {
  readonly title: string;
  /** Members too; the first makes it. */
  readonly admins: readonly string[];
  readonly members: readonly string[];
}

/** Messages to each group, for each of those between two people. */
const GROUP_SHARE = 0.2;
/** The most changes of a group. */
const MOST_CHANGES = 8;

/** On half of the seeds one group or two; from streams of their own, so that all else is drawn as if there were none. */
export function drawGroups(chance: Chance, people: readonly string[]): readonly PlannedGroup[] {
  if (people.length < 3 || chance.is(0.5)) return [];
  return ["Crew", "Choir"].slice(0, chance.between(1, 2)).map((title) => {
    const first = chance.one(people);
    const others = people.filter((name) => name !== first && chance.is(0.6));
    const members = [first, ...(others.length > 0 ? others : people.filter((name) => name !== first))];
    return { title, admins: members.slice(0, chance.between(1, 2)), members };
  });
}

/** Most of what is written comes from those who are members at the beginning, some from others: it is refused them. */
export function drawGroupActions(
  chance: Chance,
  { title, admins, members }: PlannedGroup,
  people: readonly string[],
  messages: number,
  lengthMs: number,
): readonly Action[] {
  const actions: Action[] = [];
  const count = Math.ceil(messages * GROUP_SHARE);
  while (actions.length < count) {
    const from = chance.is(0.9) ? chance.one(members) : chance.one(people);
    const at = chance.below(lengthMs);
    const burst = chance.is(0.3) ? chance.between(2, 8) : 1;
    for (let i = 0; i < burst && actions.length < count; i++) {
      const text = `${from}>${title} ${actions.length + 1}`;
      actions.push({ at, do: "send", from, to: `#${title}`, text });
    }
  }
  for (let i = chance.below(MOST_CHANGES + 1); i > 0; i--) {
    const who = chance.one(people.filter((name) => !admins.includes(name)));
    const action = chance.one(["add", "remove"] as const);
    actions.push({
      at: chance.below(lengthMs),
      do: "changeGroup",
      title,
      by: chance.one(admins),
      action,
      who,
    });
  }
  return actions;
}
