/** Which group somebody means: titles are what people call groups, and several may be called the same. */
import { FastChatError } from "../../protocol/errors.js";
import { parseConversationId, type AccountId, type ConversationId } from "../../protocol/ids.js";
import type { Groups } from "./groups.js";
import type { GroupSummary } from "./messages.js";

/** Asks which of several groups with one title is meant. @returns `null` where nobody says */
export type ChooseGroup = (title: string, groups: readonly GroupSummary[]) => Promise<ConversationId | null>;

export interface GroupNamesContext {
  readonly me: AccountId;
  readonly groups: Pick<Groups, "list" | "readOn">;
  /** With its members' names. */
  describe(id: ConversationId): Promise<GroupSummary>;
  /** Missing where nobody can be asked. */
  readonly choose?: ChooseGroup | undefined;
}

/** The most members by whom an error tells a group from another. */
const MOST_NAMES = 6;

export class GroupNames {
  /** What was chosen, by title: one question is enough. */
  readonly #chosen = new Map<string, Promise<ConversationId>>();

  constructor(private readonly context: GroupNamesContext) {}

  /**
   * The group that somebody means.
   *
   * @param text its title or its id, with or without `#` in front
   * @throws FastChatError `noSuchGroup`; `badRequest` for a title that several groups have, where nobody says which
   */
  async find(text: string): Promise<ConversationId> {
    const { groups } = this.context;
    const wanted = text.replace(/^#/, "");
    const id = parseConversationId(wanted.toLowerCase());
    for (const look of [() => Promise.resolve(), () => groups.readOn()]) {
      await look();
      const known = await groups.list();
      if (id !== null && known.some(({ group }) => group.id === id)) return id;
      const found = this.#titled(wanted, known);
      if (found.length > 1) return this.#choose(wanted, found);
      if (found[0] !== undefined) return found[0];
    }
    throw new FastChatError("noSuchGroup", `You are in no group called "${wanted}".`);
  }

  #titled(title: string, known: Awaited<ReturnType<Groups["list"]>>): ConversationId[] {
    const { me } = this.context;
    type Known = (typeof known)[number];
    const folded = title.toLowerCase();
    const alike = known.filter((one) => one.title.toLowerCase() === folded);
    const exact = alike.filter((one) => one.title === title);
    const isMine = ({ group }: Known): boolean => group.members.has(me);
    // Those that this account has left come last: their history is there still.
    const found = [exact.filter(isMine), alike.filter(isMine), exact, alike].find(({ length }) => length > 0);
    return (found ?? []).map(({ group }) => group.id);
  }

  async #choose(title: string, ids: readonly ConversationId[]): Promise<ConversationId> {
    const before = this.#chosen.get(title);
    const chosen = before === undefined ? null : await before;
    if (chosen !== null && ids.includes(chosen)) return chosen;
    const asking = this.#ask(title, ids);
    this.#chosen.set(title, asking);
    asking.catch(() => this.#chosen.delete(title));
    return asking;
  }

  async #ask(title: string, ids: readonly ConversationId[]): Promise<ConversationId> {
    const groups: GroupSummary[] = [];
    for (const id of ids) groups.push(await this.context.describe(id));
    const chosen = (await this.context.choose?.(title, groups)) ?? null;
    if (chosen !== null && ids.includes(chosen)) return chosen;
    const each = groups.map(({ id, members }) => `${id} (${namesOf(members)})`);
    throw new FastChatError(
      "badRequest",
      `Several groups are called "${title}"; name one by its id: ${each.join(", ")}`,
    );
  }
}

/** By whom people tell groups of one title from each other. */
export function namesOf(members: GroupSummary["members"]): string {
  const names = members.slice(0, MOST_NAMES).map(({ name }) => name);
  return names.join(", ") + (members.length > MOST_NAMES ? `, … (${members.length})` : "");
}
