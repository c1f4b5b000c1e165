/** Logs of groups: the events of each, in one order. What they mean, and whether one may follow, is membership.ts's to say. */
import type { ConversationId } from "../protocol/ids.js";

export interface LoggedEvent {
  readonly group: ConversationId;
  /** Counts the group's events, from 1 without gaps. */
  readonly number: number;
  /** 32 bytes. */
  readonly hash: Uint8Array;
  /** As its maker signed it. */
  readonly bytes: Uint8Array;
}

export interface GroupEventPage {
  /** Consecutive, from the number behind the one that was named. */
  readonly events: readonly Uint8Array[];
  /** Whether there are further ones. */
  readonly more: boolean;
}

/** @throws StoreError from every method */
export interface GroupStore {
  /**
   * Adds an event to a group's log, unless another one has that number: of two at once, one wins.
   *
   * @returns whether it stands there now; also where the same one stood there before, so that an append whose outcome is unknown
   *   may be repeated
   */
  append(event: LoggedEvent): Promise<boolean>;
  /**
   * @param after number of the last event that is known; 0 to begin
   * @param limit the most events
   * @param maxBytes the most bytes of them; the first one is among them in any case
   */
  events(group: ConversationId, after: number, limit: number, maxBytes: number): Promise<GroupEventPage>;
}
