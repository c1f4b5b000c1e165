/** What was shown counts as read on all devices: noted on its chat a little later, several messages at a time. */
import { errorRecord } from "../../protocol/errors.js";
import type { ConversationId } from "../../protocol/ids.js";
import type { Clock, Timer } from "../../protocol/runtime.js";
import { changedNote, type Chats } from "./chats.js";

/** How long what was read waits to be noted, in milliseconds. */
const NOTE_MS = 2_000;

export class ReadMarks {
  /** Counters of the newest entries read, not noted yet. */
  readonly #pending = new Map<ConversationId, number>();
  #timer: Timer | null = null;
  #flushing: Promise<void> = Promise.resolve();

  constructor(
    private readonly chats: Pick<Chats, "change">,
    private readonly clock: Clock,
  ) {}

  /** @param counter the entry's place in the archive */
  seen(conversation: ConversationId, counter: number): void {
    this.#pending.set(conversation, Math.max(counter, this.#pending.get(conversation) ?? 0));
    this.#timer ??= this.clock.after(NOTE_MS, () => void this.flush());
  }

  /** Notes what waits, as far as the archive takes it: what it does not take counts as unread, and nothing is lost. */
  flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    // Behind what is being noted just now: whoever waits for this one waits for that, too.
    this.#flushing = this.#flushing.then(() => this.#flush());
    return this.#flushing;
  }

  async #flush(): Promise<void> {
    const waiting = [...this.#pending];
    this.#pending.clear();
    for (const [conversation, read] of waiting) {
      try {
        await this.chats.change(conversation, (note) => changedNote(note, { read }));
      } catch (error) {
        // The archive is away: the others would wait as long.
        if (errorRecord(error).code !== "badRequest") return;
      }
    }
  }
}
