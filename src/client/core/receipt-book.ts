/**
 * Who has got, and read, what this account wrote (PROTOCOL.md, "Receipts"). What others tell is filed in the archive, several
 * receipts together, where all devices of the account find it; what was read of it lies on this device.
 */
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { MAX_RECEIPT_MARKS, type ReceiptMark } from "../../crypto/archive-entry.js";
import type { EnvelopeHeader } from "../../crypto/envelope-header.js";
import { MAX_ENTRIES } from "../../protocol/archive.js";
import { equalBytes } from "../../protocol/bytes.js";
import { pack, unpack } from "../../protocol/codec.js";
import { FastChatError } from "../../protocol/errors.js";
import type { AccountId, ConversationId, DeviceId } from "../../protocol/ids.js";
import type { ReceiptPayload } from "../../protocol/payload.js";
import type { Clock, Timer } from "../../protocol/runtime.js";
import { AccountIdSchema, ConversationIdSchema, Counter, DeviceIdSchema } from "../../protocol/schema.js";
import type { Archive, PageEntry } from "./archive.js";
import type { DeviceFiles } from "./device-files.js";
import type { Entries } from "./entries.js";
import type { Groups } from "./groups.js";
import type { ReceiptState } from "./messages.js";
import { openOrNull, outOfOrder } from "./page-entries.js";
import { isInRanges, withRange, type NumberRange } from "./number-ranges.js";

export interface ReceiptBookContext {
  readonly me: AccountId;
  readonly archive: Pick<Archive, "append" | "read">;
  readonly entries: Entries;
  readonly files: Pick<DeviceFiles, "read" | "write">;
  readonly groups: Pick<Groups, "membersAt">;
  readonly clock: Clock;
}

/** A message of this account. */
export interface OwnMessage {
  readonly conversation: ConversationId;
  readonly device: DeviceId;
  /** Its running number. */
  readonly sequence: number;
  /** Of the group; 0 between two people. */
  readonly epoch: number;
  /** Between two people: the other one. */
  readonly to: readonly AccountId[];
}

/** How long a receipt waits for others to be filed with, in milliseconds. */
const FILE_MS = 1_000;
/** So many are filed at once. */
const FILED_TOGETHER = 100;
/** Devices of this account of which is known who got their messages, in each conversation and by each member. */
const MOST_DEVICES = 16;
const FILE = "receipts";

const Range = Type.Tuple([Counter, Counter]);
const Stored = Type.Object({
  version: Type.Literal(1),
  /** Counter of the newest entry that was read. */
  upTo: Counter,
  told: Type.Array(
    Type.Object({
      conversation: ConversationIdSchema,
      member: AccountIdSchema,
      device: DeviceIdSchema,
      delivered: Type.Array(Range),
      read: Type.Array(Range),
    }),
  ),
});
type Stored = Static<typeof Stored>;
const stored = Compile(Stored);

interface Told {
  readonly delivered: readonly NumberRange[];
  readonly read: readonly NumberRange[];
}
const NOTHING: Told = { delivered: [], read: [] };

interface Waiting {
  readonly mark: ReceiptMark;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class ReceiptBook {
  /** By conversation and member; in these by device of this account, the one that was told of last behind the others. */
  readonly #told = new Map<string, Map<DeviceId, Told>>();
  #upTo: number | null = null;
  #reading: Promise<void> = Promise.resolve();
  /** Not given to the archive yet. */
  #waiting: Waiting[] = [];
  #timer: Timer | null = null;

  constructor(private readonly context: ReceiptBookContext) {}

  /**
   * Files a receipt.
   *
   * @param header of the genuine message that it came with, between two people
   * @returns once the archive has it, or it is none that is kept: about a conversation that is not known
   * @throws FastChatError where the archive was closed
   */
  async take(
    header: Pick<EnvelopeHeader, "conversation" | "sender" | "epoch">,
    { conversation, device, from, to, read }: ReceiptPayload,
  ): Promise<void> {
    const { me, groups, clock } = this.context;
    const { sender: member } = header;
    if (member === me || header.epoch !== 0 || to < from) return;
    // Whether its sender had a part in the group when the message was written is asked when somebody wants to know.
    const isDirect = conversation === header.conversation;
    if (!isDirect && (await groups.membersAt(conversation, 1)).length === 0) return;
    const filed = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ mark: { conversation, member, device, from, to, read }, resolve, reject });
    });
    if (this.#waiting.length >= FILED_TOGETHER) this.flush();
    else this.#timer ??= clock.after(FILE_MS, () => this.flush());
    await filed;
  }

  /** Files what waits for others. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < waiting.length; at += MAX_RECEIPT_MARKS) {
      const some = waiting.slice(at, at + MAX_RECEIPT_MARKS);
      this.#file(some.map(({ mark }) => mark)).then(
        () => some.forEach(({ resolve }) => resolve()),
        (error: unknown) => some.forEach(({ reject }) => reject(error as Error)),
      );
    }
  }

  /**
   * What has become of messages of this account, for each of those whom it was sent to.
   *
   * @throws FastChatError what the archive answers
   */
  async of(messages: readonly OwnMessage[]): Promise<ReadonlyMap<AccountId, ReceiptState>[]> {
    if (messages.length === 0) return [];
    await this.#readOn();
    const states: Map<AccountId, ReceiptState>[] = [];
    for (const message of messages) {
      const recipients = await this.#recipientsOf(message);
      states.push(new Map(recipients.map((member) => [member, this.#stateOf(message, member)])));
    }
    return states;
  }

  async #recipientsOf({ conversation, epoch, to }: OwnMessage): Promise<readonly AccountId[]> {
    const { me, groups } = this.context;
    if (epoch === 0) return to;
    return (await groups.membersAt(conversation, epoch)).filter((member) => member !== me);
  }

  #stateOf({ conversation, device, sequence }: OwnMessage, member: AccountId): ReceiptState {
    const { delivered, read } = this.#told.get(conversation + member)?.get(device) ?? NOTHING;
    if (isInRanges(read, sequence)) return "read";
    return isInRanges(delivered, sequence) ? "delivered" : "sent";
  }

  async #file(marks: readonly ReceiptMark[]): Promise<void> {
    const { archive, entries } = this.context;
    await archive.append(await entries.receipts(marks));
  }

  /** Reads what is new, one reader at a time. */
  #readOn(): Promise<void> {
    const reading = this.#reading.then(() => this.#readNew());
    this.#reading = reading.catch(() => undefined);
    return reading;
  }

  async #readNew(): Promise<void> {
    const { archive, entries } = this.context;
    this.#upTo ??= await this.#load();
    const chat = await entries.receiptsChat();
    const before = this.#upTo;
    for (let more = true; more;) {
      const page = await archive.read({ type: "after", after: this.#upTo, chat, limit: MAX_ENTRIES });
      for (const entry of page.entries) {
        if (entry.counter <= this.#upTo) throw outOfOrder();
        this.#upTo = entry.counter;
        if (equalBytes(entry.chat, chat)) for (const mark of await this.#marksOf(entry)) this.#learn(mark);
      }
      more = page.more && page.entries.length > 0;
    }
    if (this.#upTo > before) await this.#save(this.#upTo);
  }

  /** What is damaged tells nothing here; the ledger tells that it is. */
  async #marksOf(entry: PageEntry): Promise<readonly ReceiptMark[]> {
    const content = await openOrNull(this.context.entries, entry);
    return content?.type === "receipts" ? content.marks : [];
  }

  #learn({ conversation, member, device, from, to, read }: ReceiptMark): void {
    const key = conversation + member;
    const devices = this.#told.get(key) ?? new Map<DeviceId, Told>();
    const told = devices.get(device) ?? NOTHING;
    devices.delete(device);
    devices.set(device, {
      delivered: withRange(told.delivered, [from, to]),
      read: read ? withRange(told.read, [from, to]) : told.read,
    });
    for (const oldest of devices.keys()) {
      if (devices.size <= MOST_DEVICES) break;
      devices.delete(oldest);
    }
    this.#told.set(key, devices);
  }

  /** @returns up to where it was read; a file that is damaged is read anew from the archive */
  async #load(): Promise<number> {
    const { files } = this.context;
    let file: unknown = null;
    try {
      const bytes = await files.read(FILE);
      file = bytes === null ? null : unpack(bytes);
    } catch (error) {
      if (!(error instanceof FastChatError)) throw error;
    }
    if (!stored.Check(file)) return 0;
    for (const { conversation, member, device, delivered, read } of file.told) {
      const devices = this.#told.get(conversation + member) ?? new Map<DeviceId, Told>();
      this.#told.set(conversation + member, devices.set(device, { delivered, read }));
    }
    return file.upTo;
  }

  async #save(upTo: number): Promise<void> {
    const told: Stored["told"] = [];
    for (const [key, devices] of this.#told) {
      const conversation = key.slice(0, CONVERSATION_LENGTH) as ConversationId;
      const member = key.slice(CONVERSATION_LENGTH) as AccountId;
      for (const [device, { delivered, read }] of devices) {
        told.push({
          conversation,
          member,
          device,
          delivered: delivered.map(([from, to]) => [from, to]),
          read: read.map(([from, to]) => [from, to]),
        });
      }
    }
    await this.context.files.write(FILE, pack({ version: 1, upTo, told } satisfies Stored));
  }
}

/** Of a conversation's id, in hexadecimal. */
const CONVERSATION_LENGTH = 64;
