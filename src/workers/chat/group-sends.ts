/**
 * Messages to groups on their way in: each is held to the group's membership before it goes to the homes of its recipients. What
 * comes while that is being read waits for it, in order.
 */
import type { Group } from "../../crypto/membership.js";
import {
  Outcome,
  encodeOutcomes,
  entrySpans,
  frameAccount,
  frameConversation,
  frameEpoch,
} from "../../protocol/hot.js";
import type { ConversationId, SessionNumber } from "../../protocol/ids.js";
import type { Clock, Log } from "../../protocol/runtime.js";
import { isPassing } from "../../store/database.js";
import { backoffMs } from "./backoff.js";
import type { GroupRegistry } from "./group-registry.js";
import { keepFrame, restoreFrame, type KeptFrame } from "./kept-frame.js";

export interface GroupSendsPorts {
  readonly registry: Pick<GroupRegistry, "current" | "refresh">;
  /** The message may go to its recipients. */
  dispatch(session: SessionNumber, frame: Uint8Array, takenAt: number): void;
  /**
   * It may not: the `accepted` frame that says so, what the message took of its session's window, and when it came.
   */
  refused(session: SessionNumber, accepted: Uint8Array, cost: number, takenAt: number): void;
  readonly clock: Clock;
  readonly log: Log;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

interface Waiting {
  readonly session: SessionNumber;
  readonly frame: KeptFrame;
  readonly takenAt: number;
}

export class GroupSends {
  readonly #waiting = new Map<ConversationId, Waiting[]>();
  #bytes = 0;

  constructor(private readonly ports: GroupSendsPorts) {}

  /** Bytes of what waits. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes a message of a session. Its entries are known to be well-formed.
   *
   * @param frame a view that need not last
   * @param takenAt when it came, in milliseconds
   */
  take(session: SessionNumber, frame: Uint8Array, takenAt: number): void {
    const id = frameConversation(frame);
    const behind = this.#waiting.get(id);
    const group = behind === undefined ? this.ports.registry.current(id) : null;
    // One of a later epoch than is known here: another server's news of it may have been lost with that server.
    if (group !== null && frameEpoch(frame) <= group.epoch) {
      this.#judge(group, session, frame, takenAt);
      return;
    }
    this.#bytes += frame.length;
    const waiting = { session, frame: keepFrame(frame), takenAt };
    if (behind !== undefined) {
      behind.push(waiting);
      return;
    }
    this.#waiting.set(id, [waiting]);
    void this.#load(id);
  }

  /** A session is gone: its client sends again what it has no answer to. */
  forget(session: SessionNumber): void {
    for (const [id, waiting] of this.#waiting) {
      const left = waiting.filter((one) => one.session !== session);
      for (const one of waiting) if (one.session === session) this.#bytes -= one.frame.length;
      this.#waiting.set(id, left);
    }
  }

  async #load(id: ConversationId): Promise<void> {
    const { registry, clock, log, retryMinMs, retryMaxMs } = this.ports;
    let group: Group | null = null;
    for (let tries = 1; ; tries++) {
      try {
        group = await registry.refresh(id);
        break;
      } catch (error) {
        log[isPassing(error) ? "debug" : "warn"]({ error: String(error) }, "a group was not read yet");
        await new Promise<void>((resolve) => clock.after(backoffMs(tries, retryMinMs, retryMaxMs), resolve));
        if (this.#waiting.get(id)?.length === 0) break;
      }
    }
    const waiting = this.#waiting.get(id) ?? [];
    this.#waiting.delete(id);
    for (const { session, frame, takenAt } of waiting) {
      this.#bytes -= frame.length;
      this.#judge(group, session, restoreFrame(frame), takenAt);
    }
  }

  #judge(group: Group | null, session: SessionNumber, frame: Uint8Array, takenAt: number): void {
    const spans = entrySpans(frame);
    const { members, epoch } = group ?? NO_GROUP;
    const belong = members.has(frameAccount(frame)) && spans.every(({ recipient }) => members.has(recipient));
    // Who was added or removed meanwhile is to hear of that first.
    const stale = members.has(frameAccount(frame)) && frameEpoch(frame) !== epoch;
    if (belong && !stale) {
      this.ports.dispatch(session, frame, takenAt);
      return;
    }
    const outcome = stale ? Outcome.staleEpoch : Outcome.notMember;
    const outcomes = spans.map(({ recipient }) => ({ recipient, outcome }));
    this.ports.refused(session, encodeOutcomes(frame, outcomes), frame.length, takenAt);
  }
}

const NO_GROUP: Pick<Group, "members" | "epoch"> = { members: new Map(), epoch: 0 };
