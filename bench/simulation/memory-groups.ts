/** Logs of groups in memory, with the promises of the SQL store. */
import { equalBytes } from "../../src/protocol/bytes.js";
import type { ConversationId } from "../../src/protocol/ids.js";
import { StoreError } from "../../src/store/database.js";
import type { GroupEventPage, GroupStore, LoggedEvent } from "../../src/store/groups.js";
import { howManyFit } from "../../src/store/how-many-fit.js";

/** The logs, read and written at once. */
export class GroupLogs {
  readonly #logs = new Map<ConversationId, LoggedEvent[]>();

  of(group: ConversationId): readonly LoggedEvent[] {
    return this.#logs.get(group) ?? [];
  }

  append(event: LoggedEvent): boolean {
    const log = this.#logs.get(event.group) ?? [];
    this.#logs.set(event.group, log);
    const there = log.find(({ number }) => number === event.number);
    if (there === undefined) log.push(event);
    return there === undefined || equalBytes(there.hash, event.hash);
  }

  events(group: ConversationId, after: number, limit: number, maxBytes: number): GroupEventPage {
    const behind = this.of(group).filter(({ number }) => number > after);
    const lengths = behind.map(({ bytes }) => bytes.length);
    const fitting = behind.slice(0, howManyFit(lengths, limit, maxBytes));
    return { events: fitting.map(({ bytes }) => bytes), more: fitting.length < behind.length };
  }
}

export class MemoryGroups implements GroupStore {
  readonly logs = new GroupLogs();
  /** `away`: the next calls fail, and nothing is done. */
  fault: "none" | "away" = "none";

  async append(event: LoggedEvent): Promise<boolean> {
    this.#checkAway();
    return this.logs.append(event);
  }

  async events(...query: Parameters<GroupStore["events"]>): Promise<GroupEventPage> {
    this.#checkAway();
    return this.logs.events(...query);
  }

  #checkAway(): void {
    if (this.fault === "away") throw new StoreError("retry", "08006", undefined, "the connection was lost");
  }
}
