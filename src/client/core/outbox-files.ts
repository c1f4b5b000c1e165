/**
 * The outbox on disk: sealed files, each with a few messages in the order of sending, and the running numbers. Whoever
 * touches them holds the device's lock.
 */
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { TAG_BYTES } from "../../protocol/archive.js";
import { pack, unpack } from "../../protocol/codec.js";
import { FastChatError } from "../../protocol/errors.js";
import type { AccountId, ConversationId, DeviceId, MessageId } from "../../protocol/ids.js";
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
/** Beside a file of messages: those of it that are accepted, so far as that was noted before the file was written anew. */
const ACCEPTED = "accepted-";
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

const acceptedFile = Compile(
  Type.Object({ version: Type.Literal(1), messages: Type.Array(MessageIdSchema) }),
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
  /** Files beside which something is noted. */
  readonly #noted = new Set<string>();

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
    const names = await this.#files.list(PREFIX);
    await this.#findNotes(new Set(names));
    for (const name of names) {
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

  /** Notes all messages of a file that are accepted; once that is kept, none of them is sent again. */
  async noteAccepted(name: string, messages: readonly MessageId[]): Promise<void> {
    this.#noted.add(name);
    await this.#files.write(notesOn(name), pack({ version: 1, messages }));
  }

  async remove(name: string): Promise<void> {
    await this.#files.remove(name);
    if (this.#noted.delete(name)) await this.#files.remove(notesOn(name));
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

  /** What is noted on files that are gone a crash has left behind. */
  async #findNotes(names: ReadonlySet<string>): Promise<void> {
    for (const name of this.#noted) if (!names.has(name)) this.#noted.delete(name);
    for (const notes of await this.#files.list(ACCEPTED)) {
      const name = PREFIX + notes.slice(ACCEPTED.length);
      if (names.has(name)) this.#noted.add(name);
      else await this.#files.remove(notes);
    }
  }

  async #read(name: string): Promise<readonly OutboxEntry[] | null> {
    const file = await this.#open(name);
    if (!outboxFile.Check(file)) return null;
    const notes = this.#noted.has(name) ? await this.#open(notesOn(name)) : null;
    const accepted = new Set(acceptedFile.Check(notes) ? notes.messages : []);
    return file.entries.map((entry) => ({
      ...entry,
      accepted: entry.accepted || accepted.has(entry.message),
    }));
  }

  /** @returns `null` for a file that is not there, or is damaged */
  async #open(name: string): Promise<unknown> {
    try {
      const bytes = await this.#files.read(name);
      return bytes === null ? null : unpack(bytes);
    } catch (error) {
      if (error instanceof FastChatError && error.code === "undecryptable") return null;
      throw error;
    }
  }
}

function notesOn(name: string): string {
  return ACCEPTED + name.slice(PREFIX.length);
}

/** Digits of the number in a file's name: its order. */
const PLACES = 12;

/** Forgets the running numbers of the devices that this one was before it logged in anew. */
export async function forgetNumbers(files: DeviceFiles, device: DeviceId): Promise<void> {
  for (const name of await files.list(NUMBERS)) {
    if (name !== NUMBERS + device) await files.remove(name);
  }
}
