/**
 * What this person deleted from their history: records in a chat of their own in the archive, so that all devices know what
 * is missing by their own wish and what is not. What a record names is blanked; should that have been cut off, it is done
 * by whichever device comes across it.
 */
import { MAX_BLANK_SPAN, MAX_ENTRIES } from "../../protocol/archive.js";
import { toHex } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import type { Clock } from "../../protocol/runtime.js";
import type { Archive } from "./archive.js";
import type { Entries } from "./entries.js";

export interface DeletionsContext {
  readonly archive: Pick<Archive, "append" | "ask" | "read">;
  readonly entries: Entries;
  readonly clock: Clock;
}

/** Entries of one chat, by the counters of the first and the last one. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export class Deletions {
  readonly #context: DeletionsContext;
  /** By chat tag in hexadecimal. */
  readonly #ranges = new Map<string, Range[]>();
  /** Blanked by this client, or found blanked. */
  readonly #blanked = new Set<Range>();
  /** Counter of the newest record that was read. */
  #upTo = 0;
  #begun: Promise<void> | null = null;
  #reading: Promise<void> = Promise.resolve();

  constructor(context: DeletionsContext) {
    this.#context = context;
  }

  /**
   * Whether an entry was deleted, as far as was known when {@link readOn} was last called.
   *
   * @param chat its tag, 32 bytes
   * @throws FastChatError what the archive answers
   */
  async covers(counter: number, chat: Uint8Array): Promise<boolean> {
    await (this.#begun ??= this.#begin());
    return this.#find(counter, chat) !== undefined;
  }

  /** Reads the records that came since. @throws FastChatError what the archive answers */
  readOn(): Promise<void> {
    const reading = this.#reading.then(() => this.#readOn());
    this.#reading = reading.catch(() => undefined);
    return reading;
  }

  /**
   * Deletes entries, for all devices.
   *
   * @returns how many there were
   * @throws FastChatError what the archive answers; what was begun is ended by whoever comes across it
   */
  async add(chat: Uint8Array, range: Range): Promise<number> {
    const { archive, entries, clock } = this.#context;
    // Before the entries are gone: nobody is to take them for withheld.
    await archive.append(await entries.deletion(chat, range.from, range.to, clock.now()));
    await this.readOn();
    return this.#blank(chat, range);
  }

  /** An entry that was deleted is still there. */
  async finish(counter: number, chat: Uint8Array): Promise<void> {
    const range = this.#find(counter, chat);
    if (range === undefined || this.#blanked.has(range)) return;
    this.#blanked.add(range);
    await this.#blank(chat, range);
  }

  async #blank(chat: Uint8Array, { from, to }: Range): Promise<number> {
    let blanked = 0;
    for (let first = from; first <= to; first += MAX_BLANK_SPAN) {
      const last = Math.min(to, first + MAX_BLANK_SPAN - 1);
      const { count } = await this.#context.archive.ask(
        { type: "blank", chat, from: first, to: last },
        "blanked",
      );
      blanked += count;
    }
    return blanked;
  }

  #find(counter: number, chat: Uint8Array): Range | undefined {
    return this.#ranges.get(toHex(chat))?.find(({ from, to }) => from <= counter && counter <= to);
  }

  async #begin(): Promise<void> {
    try {
      await this.readOn();
    } catch (error) {
      this.#begun = null;
      throw error;
    }
  }

  async #readOn(): Promise<void> {
    const { archive, entries } = this.#context;
    const chat = await entries.deletions();
    for (let more = true; more;) {
      const page = await archive.read({ type: "after", after: this.#upTo, chat, limit: MAX_ENTRIES });
      for (const entry of page.entries) {
        if (entry.counter <= this.#upTo)
          throw new FastChatError("badFrame", "The archive's page is not in order.");
        this.#upTo = entry.counter;
        const range = await this.#recordIn(entry, chat);
        if (range !== null) this.#remember(range.chat, range);
      }
      more = page.more && page.entries.length > 0;
    }
  }

  /** @returns `null` for what is no record of this account's: nothing is deleted on the archive's word */
  async #recordIn(
    entry: Awaited<ReturnType<Archive["read"]>>["entries"][number],
    chat: Uint8Array,
  ): Promise<(Range & { readonly chat: Uint8Array }) | null> {
    if (toHex(entry.chat) !== toHex(chat)) return null;
    try {
      const content = await this.#context.entries.open(entry);
      return content.type === "deletion" ? content : null;
    } catch (error) {
      if (error instanceof FastChatError && error.code === "undecryptable") return null;
      throw error;
    }
  }

  #remember(chat: Uint8Array, { from, to }: Range): void {
    const key = toHex(chat);
    const ranges = this.#ranges.get(key) ?? [];
    this.#ranges.set(key, ranges);
    ranges.push({ from, to });
  }
}
