/**
 * What the chat servers know of groups: asked for in whichever session is open. An answer that is lost with its session is asked
 * for again, which does no harm: an event that stands in a log already is taken for added.
 */
import type { ClientMessage, ServerMessage } from "../../protocol/chat.js";
import { FastChatError, isErrorCode, type ErrorRecord } from "../../protocol/errors.js";
import { MAX_GROUPS_ASKED } from "../../protocol/groups.js";
import type { ConversationId } from "../../protocol/ids.js";
import type { Clock } from "../../protocol/runtime.js";
import type { Session } from "./session.js";

type Asked = Extract<ClientMessage, { type: "groupLog" | "groupAppend" | "groupHeads" }>;
export type GroupReply = Extract<
  ServerMessage,
  { type: "groupEvents" | "groupAppended" | "groupEpochs" | "refused" }
>;
type Reply<Type extends GroupReply["type"]> = Extract<GroupReply, { type: Type }>;

export interface GroupServiceContext {
  readonly session: Pick<Session, "need" | "say" | "welcome" | "error">;
  readonly clock: Clock;
  /** How long an answer is waited for, in milliseconds. */
  readonly patienceMs: number;
  /** Why there is no connection, where that is so. */
  readonly outage: () => FastChatError | null;
}

interface Waiting {
  readonly request: Asked;
  readonly settle: (outcome: GroupReply | FastChatError) => void;
}

export class GroupService {
  readonly #context: GroupServiceContext;
  /** By the number of the request. */
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;

  constructor(context: GroupServiceContext) {
    this.#context = context;
  }

  /** Whether an answer is waited for. */
  get isBusy(): boolean {
    return this.#waiting.size > 0;
  }

  /**
   * Events of a group behind one that is known, not verified.
   *
   * @param after number of the last event that is known; 0 for none
   * @throws FastChatError `noSuchGroup`; `timeout` or what else keeps the service from answering
   */
  async events(
    group: ConversationId,
    after: number,
  ): Promise<{ readonly events: readonly Uint8Array[]; readonly more: boolean }> {
    return this.#ask({ type: "groupLog", ref: this.#number(), group, after }, "groupEvents");
  }

  /**
   * Adds an event to a group's log.
   *
   * @param group `null` for an event that makes one
   * @throws FastChatError `conflict` where another event came first, `forbidden`, `tooLarge` where it may not be; as above
   */
  async append(group: ConversationId | null, event: Uint8Array): Promise<void> {
    await this.#ask({ type: "groupAppend", ref: this.#number(), group, event }, "groupAppended");
  }

  /**
   * How far groups have come, as the service says.
   *
   * @returns the epochs of those that it tells of
   * @throws FastChatError as above
   */
  async epochs(groups: readonly ConversationId[]): Promise<Map<ConversationId, number>> {
    const epochs = new Map<ConversationId, number>();
    for (let at = 0; at < groups.length; at += MAX_GROUPS_ASKED) {
      const some = groups.slice(at, at + MAX_GROUPS_ASKED);
      const reply = await this.#ask({ type: "groupHeads", ref: this.#number(), groups: some }, "groupEpochs");
      some.forEach((group, index) => {
        const epoch = reply.epochs[index] ?? 0;
        if (epoch > 0) epochs.set(group, epoch);
      });
    }
    return epochs;
  }

  /** A session is open: whatever waits goes out in it. */
  onOpened(): void {
    for (const { request } of this.#waiting.values()) this.#context.session.say(request);
  }

  onDown(): void {
    if (this.isBusy) this.#context.session.need();
  }

  onReply(reply: GroupReply): void {
    this.#waiting.get(reply.ref)?.settle(reply);
  }

  /** The session ended for good. */
  onClosed(error: ErrorRecord | null): void {
    const reason =
      error === null
        ? new FastChatError("unavailable", "The client was closed.")
        : new FastChatError(error.code, error.message);
    for (const { settle } of [...this.#waiting.values()]) settle(reason);
  }

  #number(): number {
    const number = this.#next;
    this.#next = number === 0xffffffff ? 1 : number + 1;
    return number;
  }

  async #ask<Type extends GroupReply["type"]>(request: Asked, expected: Type): Promise<Reply<Type>> {
    const { session, clock, patienceMs, outage } = this.#context;
    if (session.error !== null) throw new FastChatError(session.error.code, session.error.message);
    const outcome = await new Promise<GroupReply | FastChatError>((resolve) => {
      const settle = (how: GroupReply | FastChatError): void => {
        timer.cancel();
        this.#waiting.delete(request.ref);
        resolve(how);
      };
      const timer = clock.after(patienceMs, () =>
        settle(outage() ?? new FastChatError("timeout", "The service did not answer about a group in time.")),
      );
      this.#waiting.set(request.ref, { request, settle });
      if (session.welcome === null) session.need();
      else session.say(request);
    });
    if (outcome instanceof FastChatError) throw outcome;
    if (outcome.type === "refused") {
      throw new FastChatError(isErrorCode(outcome.code) ? outcome.code : "internal", outcome.message);
    }
    if (outcome.type !== expected) {
      throw new FastChatError("badFrame", "The chat server answered another question than it was asked.");
    }
    return outcome as Reply<Type>;
  }
}
