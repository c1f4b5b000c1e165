/** A history made by hand: people exchange messages, and a test then bends what stands in their archives. */
import { createHash } from "node:crypto";
import { checkHistory } from "../../../bench/history/checker.js";
import type {
  ArchivedMessage,
  ArchiveRecord,
  HistoryEvent,
  MirroredEvent,
  ReceivedEvent,
  SentEvent,
} from "../../../bench/history/events.js";
import type { Verdict } from "../../../bench/history/verdict.js";

export class RecordedHistory {
  readonly events: HistoryEvent[] = [];
  readonly archives = new Map<string, ArchivedMessage[]>();
  now = 0;
  readonly #views: ArchiveRecord[] = [];
  readonly #sent = new Map<string, SentEvent>();

  /** @returns the message's name */
  send(account: string, ...recipients: string[]): string {
    return this.sendFrom(`${account}/1`, account, ...recipients);
  }

  sendFrom(device: string, account: string, ...recipients: string[]): string {
    const message = `m${this.#sent.size + 1}`;
    const conversation = [account, ...recipients].sort().join("+");
    const digest = createHash("sha256").update(message).digest("hex");
    const at = this.now++;
    const event: SentEvent = { type: "sent", at, device, account, conversation, message, recipients, digest };
    this.#sent.set(message, event);
    this.events.push(event);
    return message;
  }

  /** To whoever is in a group. @returns the message's name */
  sendTo(group: string, account: string): string {
    const message = `m${this.#sent.size + 1}`;
    const digest = createHash("sha256").update(message).digest("hex");
    const event: SentEvent = {
      type: "sent",
      at: this.now++,
      device: `${account}/1`,
      account,
      conversation: group,
      message,
      recipients: null,
      digest,
    };
    this.#sent.set(message, event);
    this.events.push(event);
    return message;
  }

  /** Puts it into the archives of these. */
  deliverTo(message: string, ...owners: string[]): void {
    for (const owner of owners) this.archive(owner).push(this.entryOf(message));
  }

  /** Begins to let somebody in, or to put them out. @returns what says that it was answered */
  change(group: string, account: string, member: boolean): () => void {
    const change = {
      type: "membership",
      at: this.now++,
      until: null,
      conversation: group,
      account,
      member,
    } as const;
    const index = this.events.push(change) - 1;
    return () => {
      this.events[index] = { ...change, until: this.now++ };
    };
  }

  accept(message: string, refused: readonly string[] = []): void {
    this.events.push({ type: "accepted", at: this.now++, message, refused });
  }

  refuse(message: string): void {
    this.events.push({ type: "refused", at: this.now++, message, code: "queueFull" });
  }

  receive(message: string, account: string): void {
    this.events.push(this.receiptOf(message, account));
  }

  /** Puts it into the archives of all whom it concerns. */
  deliver(message: string): void {
    const { account, recipients } = this.#event(message);
    for (const owner of [account, ...(recipients ?? [])]) this.archive(owner).push(this.entryOf(message));
  }

  /** Sends, accepts and delivers. @returns the message's name */
  exchange(account: string, ...recipients: string[]): string {
    return this.exchangeFrom(`${account}/1`, account, ...recipients);
  }

  exchangeFrom(device: string, account: string, ...recipients: string[]): string {
    const message = this.sendFrom(device, account, ...recipients);
    this.accept(message);
    this.deliver(message);
    return message;
  }

  archive(account: string): ArchivedMessage[] {
    const entries = this.archives.get(account) ?? [];
    this.archives.set(account, entries);
    return entries;
  }

  entryOf(message: string): ArchivedMessage {
    const { account, conversation, digest } = this.#event(message);
    return { message, sender: account, conversation, digest };
  }

  receiptOf(message: string, account: string): ReceivedEvent {
    const { account: sender, digest } = this.#event(message);
    const device = `${account}/1`;
    return { type: "received", at: this.now++, account, device, start: 0, sender, message, digest };
  }

  /** Another device of the sender's is told of it. */
  mirrorOf(message: string, device: string): MirroredEvent {
    const { account, digest } = this.#event(message);
    return { type: "mirrored", at: this.now++, account, device, start: 0, message, digest };
  }

  /** What a device shows, where it is not what stands there. */
  show(account: string, device: string, entries: readonly ArchivedMessage[]): void {
    this.#views.push({ account, device, entries });
  }

  check(): Verdict {
    const archives = [...this.archives].map(([account, entries]) => ({ account, device: null, entries }));
    return checkHistory(this.events, [...archives, ...this.#views]);
  }

  #event(message: string): SentEvent {
    const event = this.#sent.get(message);
    if (event === undefined) throw new Error(`${message} was never sent`);
    return event;
  }
}
