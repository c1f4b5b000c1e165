/**
 * The history checker. It knows what people did and what stands in their archives at the end, and nothing of how the one
 * became the other. It holds a history to the promise: every accepted message stands in the archive of its sender and
 * of each recipient who was not refused, exactly once, for each sending device and conversation in the order of
 * sending, and nothing stands there that was not sent so.
 *
 * Every device of an account must show the same history as the archive read anew. A device that was started once is handed
 * each message once at most, and told of another device's messages only by what that one has sent.
 *
 * A message to a group is for those who were members from the moment it was sent until it was accepted. Whoever came or went in
 * between may have it or not; whoever was certainly no member, at no moment of that time, must not.
 *
 * A message that was sent and never accepted may stand or not, once, and in its place. One that was finally refused may
 * have left a copy on its way: it may stand once, and its place is not judged.
 *
 * Time and memory grow with the number of events and entries, and not faster.
 */
import type {
  AcceptedEvent,
  ArchiveRecord,
  ArchivedMessage,
  At,
  FaultEvent,
  HistoryEvent,
  MirroredEvent,
  ReceivedEvent,
  RefusedEvent,
  SentEvent,
} from "./events.js";
import { Memberships } from "./memberships.js";
import type { HistoryCounts, Verdict, Violation, ViolationKind } from "./verdict.js";

/** A message as its sender knows it. */
interface Message {
  readonly sent: SentEvent;
  /** Its place among those of its device and conversation. */
  readonly place: number;
  /** Names the order it is part of. */
  readonly order: string;
  readonly refusedFor: Set<string>;
  acceptedAt: At | null;
  refused: boolean;
}

/** Of each kind of violation, the most that are told in full. */
const MOST_TOLD = 20;
/** The most faults told with a violation. */
const MOST_FAULTS = 6;
/** How long before and after a message's way a fault counts as around it, in milliseconds. */
const AROUND_MS = 5_000;

/**
 * @param events of one device and conversation in the order of sending; otherwise any order in which a message is sent
 *   before anything else is said of it
 * @param archives one for each account; an account without one counts as having an empty archive. Further ones for devices of
 *   it, behind that
 * @throws Error where the events themselves cannot be: a message sent twice, or accepted and never sent
 */
export function checkHistory(events: Iterable<HistoryEvent>, archives: Iterable<ArchiveRecord>): Verdict {
  const check = new HistoryCheck();
  for (const event of events) check.take(event);
  const read = new Map<string, ArchiveRecord>();
  for (const archive of archives) {
    const { account, device } = archive;
    const whole = read.get(account);
    if (device !== null) {
      if (whole === undefined)
        throw new Error(`the view of ${device} is given before the archive of ${account}`);
      check.compare(whole, archive, device);
      continue;
    }
    if (whole !== undefined) throw new Error(`the archive of ${account} is given twice`);
    read.set(account, archive);
    check.judge(archive);
  }
  for (const account of check.accounts)
    if (!read.has(account)) check.judge({ account, device: null, entries: [] });
  return check.verdict();
}

class HistoryCheck {
  readonly #messages = new Map<string, Message>();
  /** By account: all messages that it sent or that were sent to it. */
  readonly #concerning = new Map<string, Message[]>();
  /** By device and conversation: messages sent so far. */
  readonly #places = new Map<string, number>();
  /** By account and message: when it was first handed over. */
  readonly #receivedAt = new Map<string, Map<string, At>>();
  readonly #receipts: (ReceivedEvent | MirroredEvent)[] = [];
  readonly #faults: FaultEvent[] = [];
  readonly #memberships = new Memberships();
  /** Messages to groups, until it is known whom they concern. */
  #toGroups: Message[] = [];
  readonly #violations: Violation[] = [];
  readonly #counts = { sent: 0, accepted: 0, received: 0, lost: 0, duplicated: 0, reordered: 0, invented: 0 };

  get accounts(): Iterable<string> {
    this.#resolveGroups();
    return this.#concerning.keys();
  }

  take(event: HistoryEvent): void {
    switch (event.type) {
      case "sent":
        return this.#sent(event);
      case "accepted":
        return this.#accepted(event);
      case "refused":
        return this.#refused(event);
      case "received":
      case "mirrored":
        // Judged at the end: whoever receives may be heard of before whoever sent.
        this.#receipts.push(event);
        return;
      case "membership":
        this.#memberships.take(event);
        return;
      case "fault":
        this.#faults.push(event);
        return;
    }
  }

  /** Holds one account's archive to what concerns that account. */
  judge({ account, entries }: ArchiveRecord): void {
    this.#resolveGroups();
    const standing = new Set<Message>();
    /** By device and conversation: the entry that was sent last of those seen. */
    const latest = new Map<string, Message>();
    for (const entry of entries) {
      const message = this.#messages.get(entry.message);
      const wrong = this.#inventionIn(entry, message, account);
      if (message === undefined || wrong !== null) {
        this.#violate("invented", account, entry.message, wrong);
        continue;
      }
      if (standing.has(message)) {
        this.#violate("duplicated", account, entry.message, null);
        continue;
      }
      standing.add(message);
      if (this.#mayGet(message, account)) this.#counts.received++;
      if (message.refused || message.refusedFor.has(account)) continue;
      const before = latest.get(message.order);
      if (before === undefined || before.place < message.place) latest.set(message.order, message);
      else this.#violate("reordered", account, entry.message, null, before.sent.message);
    }
    for (const message of this.#concerning.get(account) ?? []) {
      if (message.acceptedAt === null || message.refused || message.refusedFor.has(account)) continue;
      if (!this.#mustGet(message, account)) continue;
      if (!standing.has(message)) this.#violate("lost", account, message.sent.message, null);
    }
  }

  /** Holds what a device shows to what stands there: all of it, in that order, and nothing else. */
  compare(whole: ArchiveRecord, view: ArchiveRecord, device: string): void {
    const { account } = whole;
    const places = new Map(whole.entries.map(({ message }, place) => [message, place]));
    const shown = new Set<string>();
    let latest: { readonly place: number; readonly message: string } | null = null;
    for (const { message, digest } of view.entries) {
      const place = places.get(message);
      const detail = `as ${device} shows it`;
      if (place === undefined || whole.entries[place]?.digest !== digest) {
        this.#violate("invented", account, message, detail);
      } else if (shown.has(message)) this.#violate("duplicated", account, message, detail);
      else if (latest !== null && place < latest.place) {
        this.#violate("reordered", account, message, detail, latest.message);
      } else latest = { place, message };
      shown.add(message);
    }
    for (const { message } of whole.entries) {
      if (!shown.has(message)) this.#violate("lost", account, message, `${device} does not show it`);
    }
  }

  verdict(): Verdict {
    const handed = new Set<string>();
    for (const receipt of this.#receipts) {
      const { message: id, account, device, start } = receipt;
      const message = this.#messages.get(id);
      const wrong = this.#wrongIn(receipt, message);
      if (wrong !== null) this.#violate("invented", account, id, `${receipt.type}: ${wrong}`);
      const key = JSON.stringify([device, start, id]);
      if (handed.has(key)) this.#violate("duplicated", account, id, `${device} was handed it twice`);
      handed.add(key);
    }
    const counts: HistoryCounts = { ...this.#counts };
    return { counts, violations: this.#violations.map((violation) => this.#explained(violation)) };
  }

  #sent(sent: SentEvent): void {
    if (this.#messages.has(sent.message)) throw new Error(`${sent.message} is sent twice in this history`);
    const order = JSON.stringify([sent.device, sent.conversation]);
    const place = this.#places.get(order) ?? 0;
    this.#places.set(order, place + 1);
    const message: Message = { sent, place, order, refusedFor: new Set(), acceptedAt: null, refused: false };
    this.#messages.set(sent.message, message);
    this.#counts.sent++;
    if (sent.recipients === null) this.#toGroups.push(message);
    else this.#concerns(message, [sent.account, ...sent.recipients]);
  }

  #concerns(message: Message, accounts: Iterable<string>): void {
    for (const account of new Set(accounts)) {
      const concerning = this.#concerning.get(account);
      if (concerning === undefined) this.#concerning.set(account, [message]);
      else concerning.push(message);
    }
  }

  /** By now it is known who was ever in which group. */
  #resolveGroups(): void {
    for (const message of this.#toGroups.splice(0)) {
      const { account, conversation } = message.sent;
      this.#concerns(message, [account, ...this.#memberships.everIn(conversation)]);
    }
  }

  /** Whether a message that was accepted has to stand in an account's archive. */
  #mustGet({ sent, acceptedAt }: Message, account: string): boolean {
    if (sent.recipients !== null || sent.account === account) return true;
    return this.#memberships.surely(sent.conversation, account, sent.at, acceptedAt ?? Infinity);
  }

  /** Whether a message was for an account, or may have been. */
  #mayGet({ sent, acceptedAt }: Message, account: string): boolean {
    if (sent.recipients !== null) return sent.recipients.includes(account);
    if (sent.account === account) return false;
    return this.#memberships.possibly(sent.conversation, account, sent.at, acceptedAt ?? Infinity);
  }

  /** @returns what about this receipt was never sent so; `null` if nothing is wrong with it */
  #wrongIn(receipt: ReceivedEvent | MirroredEvent, message: Message | undefined): string | null {
    const { type, message: id, account, device, digest } = receipt;
    const sender = type === "received" ? receipt.sender : account;
    const conversation = message?.sent.conversation ?? "";
    if (type === "mirrored" && message?.sent.device === device) return "it sent it itself";
    return this.#inventionIn({ message: id, sender, digest, conversation }, message, account);
  }

  /** @returns what about this entry was never sent; `null` if it was sent so, to or by this account */
  #inventionIn(entry: ArchivedMessage, message: Message | undefined, account: string): string | null {
    if (message === undefined) return "nobody sent it";
    const { sent } = message;
    if (sent.account !== entry.sender)
      return `it was sent by ${sent.account}, and stands as one by ${entry.sender}`;
    if (sent.conversation !== entry.conversation)
      return `it was sent in ${sent.conversation}, not in ${entry.conversation}`;
    if (sent.digest !== entry.digest) return "its text is another";
    if (sent.account !== account && !this.#mayGet(message, account)) return "it was sent to others";
    return null;
  }

  #accepted({ message: id, at, refused }: AcceptedEvent): void {
    const message = this.#known(id, "accepted");
    if (isAnswered(message)) return;
    message.acceptedAt = at;
    for (const account of refused) message.refusedFor.add(account);
    // What nobody gets is nothing to keep for its sender either.
    message.refused = message.sent.recipients?.every((account) => message.refusedFor.has(account)) ?? false;
    this.#counts.accepted++;
  }

  #refused({ message: id }: RefusedEvent): void {
    const message = this.#known(id, "refused");
    if (!isAnswered(message)) message.refused = true;
  }

  #known(id: string, what: string): Message {
    const message = this.#messages.get(id);
    if (message === undefined) throw new Error(`${id} is ${what} in this history and was never sent`);
    return message;
  }

  #violate(
    kind: ViolationKind,
    account: string,
    message: string,
    detail: string | null,
    other: string | null = null,
  ): void {
    // The counts' names are the kinds'.
    if (this.#counts[kind]++ >= MOST_TOLD) return;
    const sent = this.#messages.get(message);
    this.#violations.push({
      kind,
      message,
      other,
      account,
      device: sent?.sent.device ?? null,
      sentAt: sent?.sent.at ?? null,
      acceptedAt: sent?.acceptedAt ?? null,
      receivedAt: null,
      detail,
      faults: [],
    });
  }

  /** With the time of receipt and the faults around it, which are looked up for what is told only. */
  #explained(violation: Violation): Violation {
    if (this.#receivedAt.size === 0) this.#indexReceipts();
    const receivedAt = this.#receivedAt.get(violation.account)?.get(violation.message) ?? null;
    const times = [violation.sentAt, violation.acceptedAt, receivedAt].filter((at) => at !== null);
    return { ...violation, receivedAt, faults: this.#faultsAround(times) };
  }

  #indexReceipts(): void {
    for (const { type, account, message, at } of this.#receipts) {
      if (type !== "received") continue;
      const times = this.#receivedAt.get(account) ?? new Map<string, At>();
      this.#receivedAt.set(account, times);
      if (!times.has(message)) times.set(message, at);
    }
  }

  #faultsAround(times: readonly At[]): FaultEvent[] {
    if (times.length === 0) return [];
    const from = Math.min(...times);
    const to = Math.max(...times);
    const distance = ({ at, until }: FaultEvent): number => Math.max(0, at - to, from - (until ?? at));
    return this.#faults
      .filter((fault) => distance(fault) <= AROUND_MS)
      .sort((one, other) => distance(one) - distance(other))
      .slice(0, MOST_FAULTS);
  }
}

/** The first answer counts: nothing takes back what was promised. */
function isAnswered({ acceptedAt, refused }: Message): boolean {
  return acceptedAt !== null || refused;
}
