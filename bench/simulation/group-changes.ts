/** The groups of a run: made before anything is broken, and changed one change after the other while it is. */
import { errorRecord } from "../../src/protocol/errors.js";
import type { ConversationId, UserName } from "../../src/protocol/ids.js";
import type { HistoryEvent, MembershipEvent } from "../history/events.js";
import type { PlannedGroup } from "./group-schedule.js";
import type { World } from "./world.js";

/** How long a change is waited for whose client may have died, in milliseconds. */
const PATIENCE_MS = 30_000;

/** How a history calls a group; a client takes it for the group's name, too. */
export function groupName(id: ConversationId): string {
  return `#${id}`;
}

export class GroupChanges {
  /** By title. */
  readonly #ids = new Map<string, ConversationId>();
  /** Changes that are not answered, by title. */
  readonly #underWay = new Set<string>();

  constructor(private readonly world: World) {}

  async create({ title, admins, members }: PlannedGroup): Promise<void> {
    const { world } = this;
    const [creator, ...promoted] = admins;
    const client = creator === undefined ? null : world.person(creator).client;
    if (client === null) throw new Error(`nobody makes ${title}`);
    const at = world.clock.now();
    const others = members.filter((name) => name !== creator) as UserName[];
    const { id } = await world.finish(client.groups.create(title, others));
    if (promoted.length > 0) {
      await world.finish(client.groups.change(title, "promote", promoted as UserName[]));
    }
    this.#ids.set(title, id);
    for (const account of members) {
      world.events.push(membership(groupName(id), account, true, at, world.clock.now()));
    }
  }

  /** How a group is called towards clients. */
  nameOf(title: string): string {
    const id = this.#ids.get(title);
    if (id === undefined) throw new Error(`no group is called ${title}`);
    return groupName(id);
  }

  /** Has an admin add or remove somebody, if a client of theirs runs, and nothing else is being changed there. */
  change(title: string, by: string, action: "add" | "remove", who: string): void {
    const { world } = this;
    const { client } = world.person(by);
    if (client === null || this.#underWay.has(title)) return;
    this.#underWay.add(title);
    const group = this.nameOf(title);
    const event = membership(group, who, action === "add", world.clock.now(), null);
    world.events.push(event);
    const over = (): void => void this.#underWay.delete(title);
    // A client that dies answers never; what it asked for may hold or not.
    const patience = world.clock.after(PATIENCE_MS, over);
    client.groups.change(group, action, [who as UserName]).then(
      () => {
        patience.cancel();
        event.until = world.clock.now();
        over();
      },
      (error: unknown) => {
        patience.cancel();
        over();
        // Whoever it was about was in it, or was not, already: nothing has changed.
        if (errorRecord(error).code === "forbidden") withdraw(world.events, event);
      },
    );
  }
}

type Written = { -readonly [Key in keyof MembershipEvent]: MembershipEvent[Key] };

function membership(
  conversation: string,
  account: string,
  member: boolean,
  at: number,
  until: number | null,
): Written {
  return { type: "membership", at, until, conversation, account, member };
}

function withdraw(events: HistoryEvent[], event: MembershipEvent): void {
  events.splice(events.indexOf(event), 1);
}
