/** Who takes part in a run: whom everybody writes to, who has two devices, and who leads a group. */
import { Chance } from "../simulation/chance.js";
import type { LedGroup, PersonPlan } from "./host-messages.js";

/** How many others each person writes to. */
const CONTACTS = 6;
/** People of a group, of whom so many come and go. */
const GROUP_SIZE = 10;
const FLOATERS = 3;
/** Of so many people one has a second device. */
const ONE_ON_TWO_DEVICES = 4;

/** Everybody writes to a few others, who are the same for the same seed; some on two devices, each with a host of its own. */
export function planPeople({
  seed,
  clients,
}: {
  readonly seed: number;
  readonly clients: number;
}): PersonPlan[] {
  const chance = new Chance(seed).fork("people");
  const nameOf = (number: number): string => `p${String(number).padStart(4, "0")}`;
  const people = Array.from({ length: clients }, (_, number): PersonPlan => {
    const contacts = new Set<string>();
    while (contacts.size < Math.min(CONTACTS, clients - 1)) {
      const other = chance.below(clients);
      if (other !== number) contacts.add(nameOf(other));
    }
    const name = nameOf(number);
    return { number, name, account: name, contacts: [...contacts], leads: null };
  });
  const led = withGroups(people);
  const seconds = led.slice(1, 1 + Math.floor(clients / ONE_ON_TWO_DEVICES)).map((first, index) => {
    return { ...first, number: clients + index, name: `${first.name}.2`, leads: null };
  });
  return [...led, ...seconds];
}

/** Every tenth person leads a group of their neighbours, of whom a few come and go; all of them write to it, too. */
function withGroups(people: readonly PersonPlan[]): readonly PersonPlan[] {
  const groups = new Map<string, LedGroup>();
  for (let first = 0; first + GROUP_SIZE <= people.length; first += GROUP_SIZE) {
    const [leader, ...others] = people.slice(first, first + GROUP_SIZE).map(({ account }) => account);
    if (leader === undefined) continue;
    groups.set(leader, {
      title: `team of ${leader}`,
      members: others.slice(FLOATERS),
      floaters: others.slice(0, FLOATERS),
    });
  }
  return people.map((person) => {
    const ofMine = [...groups].filter(
      ([leader, { members, floaters }]) =>
        leader === person.account || members.includes(person.account) || floaters.includes(person.account),
    );
    return {
      ...person,
      contacts: [...person.contacts, ...ofMine.map(([, { title }]) => `#${title}`)],
      leads: groups.get(person.account) ?? null,
    };
  });
}
