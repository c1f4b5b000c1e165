/**
 * The outbox on disk: sealed files, each with a few messages in the order of sending, and the running numbers. Whoever
 * touches them holds the device's lock.
 */
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { TAG_BYTES } from "../../protocol/archive.js";
import { pack, unpack } from "../../protocol/codec.js";
import { FastChatError } from "../../protocol/errors.js";
import type { AccountId, ConversationId, DeviceId } from "../../protocol/ids.js";
import {
  AccountIdSchema,
  Binary,
  ConversationIdSchema,
  Counter,
  DeviceIdSchema,
  MessageIdSchema,
} from "../../protocol/schema.js";
import type { HeldLock } from "../../protocol/runtime.js";
import type { DeviceFiles } from "./device-files.js";

const LOCK = "outbox";
const PREFIX = "outbox-";
/** With the device's id: a process from before a new login must not write over the numbers of the new device. */
const NUMBERS = "numbers-";
const MAX_BYTES = 2 ** 24;

/** A message that waits to be accepted, or, if it is, to be archived. */
const OutboxEntry = Type.Object({
  sender: AccountIdSchema,
  device: DeviceIdSchema,
  /** As it is shown: a user name, or a group's title. */
  to: Type.String({ minLength: 1, maxLength: 600 }),
  message: MessageIdSchema,
  conversation: ConversationIdSchema,
  /** Running number of the device in the conversation. */
  number: Counter,
  /** Milliseconds since 1970. */
  at: Counter,
  /** The `send` frame. */
  frame: Binary(1, MAX_BYTES),
  /** What the archive gets once it is accepted; nothing for what is not kept. */
  entry: Type.Union([
    Type.Null(),
    Type.Object({
      chat: Binary(TAG_BYTES, TAG_BYTES),
      entry: Binary(TAG_BYTES, TAG_BYTES),
      sealed: Binary(1, MAX_BYTES),
    }),
  ]),
  accepted: Type.Boolean(),
});
export type OutboxEntry = Static<typeof OutboxEntry>;

const outboxFile = Compile(
  Type.Object({ version: Type.Literal(1), entries: Type.Array(OutboxEntry, { minItems: 1 }) }),
);

const numbersFile = Compile(
  Type.Object({
    version: Type.Literal(1),
    last: Type.Array(Type.Tuple([ConversationIdSchema, Counter])),
  }),
);

export interface OutboxFile {
  readonly name: string;
  readonly entries: readonly OutboxEntry[];
}

export interface StoredOutbox {
  /** Files that were not known. */
  readonly unknown: readonly OutboxFile[];
  /** Name of the last file; `null` if there is none. */
  readonly last: string | null;
}

export class OutboxFiles {
  readonly #files: DeviceFiles;
  readonly #account: AccountId;
  readonly #device: DeviceId;

  constructor(files: DeviceFiles, account: AccountId, device: DeviceId) {
    this.#files = files;
    this.#account = account;
    this.#device = device;
  }

  /** Runs `work` while no other process or task of this device numbers or sends. */
  withLock<T>(work: (lock: HeldLock) => Promise<T>): Promise<T> {
    return this.#files.withLock(LOCK, work);
  }

  async isEmpty(): Promise<boolean> {
    return (await this.#files.list(PREFIX)).length === 0;
  }

  /**
   * The outbox as it stands, in the order of sending. A file that cannot be opened stays where it is: it was sealed under
   * another key of this device.
   *
   * @param known whether a file is at hand and need not be read again
   */
  async load(known: (name: string) => boolean): Promise<StoredOutbox> {
    const unknown: OutboxFile[] = [];
    let last: string | null = null;
    for (const name of await this.#files.list(PREFIX)) {
      if (!known(name)) {
        const entries = await this.#read(name);
        if (entries === null || entries.some(({ sender }) => sender !== this.#account)) continue;
        unknown.push({ name, entries });
      }
      last = name;
    }
    return { unknown, last };
  }

  /**
   * Puts messages behind those of `after`, in a file of their own.
   *
   * @param after name of the last file so far; `null` if there is none
   */
  async add(after: string | null, entries: readonly [OutboxEntry, ...OutboxEntry[]]): Promise<OutboxFile> {
    const last = after === null ? 0 : Number(after.slice(PREFIX.length, PREFIX.length + PLACES));
    // The id makes the name unlike any other: a file that another process removes late must not be a new one.
    const name = `${PREFIX}${String(last + 1).padStart(PLACES, "0")}-${entries[0].message}`;
    const file = { name, entries };
    await this.replace(file);
    return file;
  }

  /** Writes a file anew, with what has become of its messages. */
  async replace({ name, entries }: OutboxFile): Promise<void> {
    await this.#files.write(name, pack({ version: 1, entries }));
  }

  remove(name: string): Promise<void> {
    return this.#files.remove(name);
  }

  /**
   * The last number given in each conversation. A message is written before its number is: what stands in the outbox
   * counts, so that no crash between the two gives a number twice or leaves one out.
   */
  async numbers(outbox: readonly OutboxFile[]): Promise<Map<ConversationId, number>> {
    const bytes = await this.#files.read(NUMBERS + this.#device);
    const stored: unknown = bytes === null ? null : unpack(bytes);
    if (stored !== null && !numbersFile.Check(stored)) {
      throw new FastChatError(
        "undecryptable",
        "The running numbers of this device are damaged; log in again.",
      );
    }
    const numbers = new Map(stored?.last);
    for (const { entries } of outbox) {
      for (const { device, conversation, number } of entries) {
        if (device === this.#device && number > (numbers.get(conversation) ?? 0)) {
          numbers.set(conversation, number);
        }
      }
    }
    return numbers;
  }

  async writeNumbers(numbers: ReadonlyMap<ConversationId, number>): Promise<void> {
    await this.#files.write(NUMBERS + this.#device, pack({ version: 1, last: [...numbers] }));
  }

  async #read(name: string): Promise<readonly OutboxEntry[] | null> {
    try {
      const bytes = await this.#files.read(name);
      const file: unknown = bytes === null ? null : unpack(bytes);
      return outboxFile.Check(file) ? file.entries : null;
    } catch (error) {
      if (error instanceof FastChatError && error.code === "undecryptable") return null;
      throw error;
    }
  }
}

/** Digits of the number in a file's name: its order. */
const PLACES = 12;

/** Forgets the running numbers of the devices that this one was before it logged in anew. */
export async function forgetNumbers(files: DeviceFiles, device: DeviceId): Promise<void> {
  for (const name of await files.list(NUMBERS)) {
    if (name !== NUMBERS + device) await files.remove(name);
  }
}
