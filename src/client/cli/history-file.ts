/**
 * Files that `export` wrote for programs, as `import` reads them: JSON, open or sealed under a password. Whatever stands in
 * them is somebody's claim, and is taken piece by piece, however large the file is.
 */
import { open, type FileHandle } from "node:fs/promises";
import { JSONParser } from "@streamparser/json";
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { MAX_IMPORTED_NAME, MAX_IMPORTED_TO } from "../../crypto/archive-entry.js";
import { isSealed, openSealed, SEALED_EXPORT } from "../../crypto/sealed-file.js";
import { systemCode } from "../../node/private-file.js";
import { FastChatError } from "../../protocol/errors.js";
import type { AccountId } from "../../protocol/ids.js";
import { MAX_PAYLOAD_BYTES } from "../../protocol/payload.js";
import { AccountIdSchema, ConversationIdSchema, MessageIdSchema } from "../../protocol/schema.js";
import type { ImportedMessage } from "../core/imports.js";
import { HISTORY_FORMAT, HISTORY_VERSION } from "./history-format.js";

/** Bytes that are read at a time. */
const CHUNK = 64 * 1024;
/** The most bytes in which not one message is complete: the longest text with every character escaped, and what is beside it. */
const MOST_BETWEEN = 8 * MAX_PAYLOAD_BYTES;
/** The latest time of JavaScript's Date, in milliseconds since 1970. */
const LATEST = 8.64e15;

const Head = Type.Object({ name: Type.String({ maxLength: MAX_IMPORTED_NAME }), account: AccountIdSchema });
const heads = Compile(Head);

const Name = Type.String({ minLength: 1, maxLength: MAX_IMPORTED_NAME });
const Message = Type.Object({
  id: MessageIdSchema,
  from: Name,
  to: Type.String({ minLength: 1, maxLength: MAX_IMPORTED_TO }),
  fromAccount: AccountIdSchema,
  /** One; none for a message to a group. */
  toAccounts: Type.Array(AccountIdSchema, { maxItems: 1 }),
  group: Type.Optional(Type.Object({ id: ConversationIdSchema })),
  text: Type.String({ maxLength: MAX_PAYLOAD_BYTES }),
  at: Type.Union([Type.String({ maxLength: 40 }), Type.Null()]),
  direction: Type.Union([Type.Literal("sent"), Type.Literal("received")]),
});
const messages = Compile(Message);

/** Whose history a file is of, as it says. */
export interface HistoryHead {
  readonly name: string;
  readonly account: AccountId;
}

/** What came of one entry of a file. */
export interface ReadMessage {
  /** Its place in the file, from 1. */
  readonly number: number;
  /** `null` for what is no message that could be taken over: one that was missing or not genuine when it was exported, and a change of a group. */
  readonly message: ImportedMessage | null;
}

export class HistoryFile {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly password: () => Promise<string>,
  ) {}

  /**
   * @param password asked for where the file is sealed
   * @throws FastChatError `badRequest` where it is not there, or may not be read
   */
  static async open(path: string, password: () => Promise<string>): Promise<HistoryFile> {
    try {
      const file = await open(path, "r");
      if ((await file.stat()).isFile()) return new HistoryFile(path, file, password);
      await file.close();
    } catch (error) {
      throw readError(error, path);
    }
    throw new FastChatError("badRequest", `${path} is not a file.`);
  }

  close(): Promise<void> {
    return this.file.close();
  }

  /**
   * Reads the file once, from its beginning.
   *
   * @returns its head, and then some entries at a time
   * @throws FastChatError `badRequest` for what is no export, with the place of what is wrong, once all before it was
   *   returned; `undecryptable` for a wrong password, and for a sealed file that is damaged or cut short
   */
  async *read(): AsyncGenerator<HistoryHead | readonly ReadMessage[], void> {
    const parsing = new Parsing(this.path);
    for await (const chunk of this.#content()) {
      const began = parsing.head !== null;
      const read = parsing.take(chunk);
      if (!began && parsing.head !== null) yield parsing.head;
      if (read.length > 0) yield read;
      parsing.check();
    }
    if (parsing.head === null) yield parsing.end();
    else parsing.end();
  }

  /** Its JSON, in pieces. */
  async *#content(): AsyncGenerator<Uint8Array, void> {
    const beginning = await this.#chunk(0);
    if (!isSealed(SEALED_EXPORT, beginning)) {
      yield* this.#chunks();
      return;
    }
    try {
      yield* openSealed(SEALED_EXPORT, this.#chunks(), this.password);
    } catch (error) {
      if (!(error instanceof FastChatError && error.code === "undecryptable")) throw error;
      throw new FastChatError(
        "undecryptable",
        `${this.path} does not open: the password is another one, or the file is damaged or not whole.`,
      );
    }
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void> {
    for (let at = 0; ;) {
      const chunk = await this.#chunk(at);
      if (chunk.length === 0) return;
      yield chunk;
      at += chunk.length;
    }
  }

  async #chunk(at: number): Promise<Uint8Array> {
    try {
      const { buffer, bytesRead } = await this.file.read(new Uint8Array(CHUNK), 0, CHUNK, at);
      return buffer.subarray(0, bytesRead);
    } catch (error) {
      throw readError(error, this.path);
    }
  }
}

const HEAD_FIELDS: ReadonlySet<unknown> = new Set(["format", "version", "name", "account"]);

/** JSON as it comes. */
class Parsing {
  head: HistoryHead | null = null;
  readonly #parser = new JSONParser({
    paths: ["$.format", "$.version", "$.name", "$.account", "$.messages.*"],
    keepStack: false,
  });
  readonly #fields: Record<string, unknown> = {};
  #read: ReadMessage[] = [];
  #count = 0;
  #bytesSince = 0;
  #fault: FastChatError | null = null;

  constructor(private readonly path: string) {
    this.#parser.onValue = ({ value, key }) => {
      this.#bytesSince = 0;
      if (typeof key === "number") this.#message(value);
      else if (HEAD_FIELDS.has(key)) this.#fields[key as string] = value;
      // Messages by names, not in a list: however many there were, nothing would be done with them.
      else throw this.#notOne();
    };
  }

  /** @returns the entries that it completes, up to what is wrong: {@link check} tells of that */
  take(chunk: Uint8Array): readonly ReadMessage[] {
    this.#bytesSince += chunk.length;
    try {
      this.#parser.write(chunk);
      if (this.#bytesSince > MOST_BETWEEN) throw this.#notOne();
    } catch (error) {
      this.#fault = this.#faultOf(error);
    }
    const read = this.#read;
    this.#read = [];
    return read;
  }

  /** @returns the head. @throws FastChatError `badRequest` where something is missing */
  end(): HistoryHead {
    if (!this.#parser.isEnded) {
      throw new FastChatError(
        "badRequest",
        this.#count === 0
          ? this.#notOne().message
          : `${this.path} is not whole: it ends within or behind message ${this.#count}.`,
      );
    }
    this.head ??= this.#headOf();
    return this.head;
  }

  /** @throws FastChatError `badRequest` where something was wrong */
  check(): void {
    if (this.#fault !== null) throw this.#fault;
  }

  #faultOf(error: unknown): FastChatError {
    if (error instanceof FastChatError) return error;
    // The parser's own: what stands there is no JSON.
    return this.#count === 0
      ? this.#notOne()
      : new FastChatError("badRequest", `${this.path} is damaged behind message ${this.#count}.`);
  }

  #message(value: unknown): void {
    this.head ??= this.#headOf();
    this.#count += 1;
    const number = this.#count;
    const direction = (value as { direction?: unknown } | null)?.direction;
    if (typeof direction === "string" && LEFT_OUT.has(direction)) {
      this.#read.push({ number, message: null });
      return;
    }
    if (!messages.Check(value)) {
      const [first] = messages.Errors(value);
      const where = first === undefined ? "" : ` (${first.instancePath || "the whole"}: ${first.message})`;
      throw new FastChatError("badRequest", `Message ${number} of ${this.path} is none${where}.`);
    }
    const message = messageOf(value);
    if (message === null) {
      throw new FastChatError(
        "badRequest",
        `Message ${number} of ${this.path} does not say to whom it went.`,
      );
    }
    this.#read.push({ number, message });
  }

  #headOf(): HistoryHead {
    const { format, version } = this.#fields;
    if (format !== HISTORY_FORMAT) throw this.#notOne();
    if (version !== HISTORY_VERSION) {
      throw new FastChatError(
        "badRequest",
        `${this.path} is of version ${String(version).slice(0, 20)} of the format; this release reads version ${HISTORY_VERSION}.`,
      );
    }
    if (!heads.Check(this.#fields)) {
      throw new FastChatError("badRequest", `${this.path} does not say whose history it is.`);
    }
    return { name: this.#fields.name, account: this.#fields.account };
  }

  #notOne(): FastChatError {
    return new FastChatError(
      "badRequest",
      `${this.path} is no history that fastchat export wrote as JSON or sealed.`,
    );
  }
}

/** Entries that have no text to take over. */
const LEFT_OUT: ReadonlySet<string> = new Set(["changed", "invalid", "waiting", "missing"]);

function messageOf({
  id,
  from,
  to,
  fromAccount,
  toAccounts,
  group,
  text,
  at,
  direction,
}: Static<typeof Message>): ImportedMessage | null {
  const [account] = toAccounts;
  const toWhom =
    group !== undefined
      ? ({ kind: "group", group: group.id } as const)
      : account !== undefined && to.length <= MAX_IMPORTED_NAME
        ? ({ kind: "person", account } as const)
        : null;
  if (toWhom === null) return null;
  const time = at === null ? 0 : Date.parse(at);
  const known = Number.isInteger(time) && time > 0 && time <= LATEST;
  return { id, from, to, fromAccount, toWhom, text, at: known ? time : 0, direction };
}

function readError(error: unknown, path: string): unknown {
  switch (systemCode(error)) {
    case "ENOENT":
    case "ENOTDIR":
      return new FastChatError("badRequest", `There is no file ${path}.`);
    case "EACCES":
    case "EPERM":
      return new FastChatError("badRequest", `${path} may not be read.`);
    case "EISDIR":
      return new FastChatError("badRequest", `${path} is a folder.`);
    default:
      return error;
  }
}
