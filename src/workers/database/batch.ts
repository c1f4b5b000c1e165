/**
 * A client's messages, gathered into what must run on the engine without anything of another client in between: all up
 * to Sync, a simple Query, or all up to Flush, after which the client waits for answers although it has not synced.
 */
import { FastChatError } from "../../protocol/errors.js";
import { Frontend, type FrontendType } from "./frontend.js";
import type { StatementNames } from "./statement-names.js";
import { text, wireMessage } from "./wire-message.js";

export interface Batch {
  /** Whole messages as the engine takes them, one behind the other. */
  readonly parts: readonly Uint8Array[];
  readonly byteLength: number;
  /**
   * What ends it. After `sync` the engine always says that it is ready; after `query` it does unless it is passing over
   * all up to a Sync, because of an error before; after `open` it need not, and the batch goes on.
   */
  readonly end: "sync" | "query" | "open";
  /** It refers to the unnamed statement without preparing it first. */
  readonly usesEarlierUnnamed: boolean;
  /** What it does to the unnamed statement. */
  readonly unnamed: "kept" | "prepared" | "dropped";
  /** The engine's names of statements that it closes. */
  readonly closes: readonly string[];
}

/**
 * Stands behind everything that can start a COPY from the client, which would leave the engine reading for data that
 * it cannot be given any more once its input has ended, and so end it. Where no COPY was started, PostgreSQL passes
 * over a CopyFail in silence.
 */
const COPY_REFUSED = wireMessage(
  Frontend.copyFail,
  text("the embedded database takes no COPY from a client; use INSERT"),
);

const SYNC = wireMessage(Frontend.sync);
const ROLLBACK = wireMessage(Frontend.query, text("ROLLBACK"));

/** Ends whatever a connection left behind: a batch without its Sync, a transaction, both or neither. */
export const ABANDON: Uint8Array = Buffer.concat([SYNC, ROLLBACK]);

export function queryMessage(sql: string): Uint8Array {
  return wireMessage(Frontend.query, text(sql));
}

/** Closes prepared statements by the engine's names; closing one that is not there is no error. */
export function closeStatements(names: readonly string[]): Uint8Array {
  return Buffer.concat([...names.map((name) => wireMessage(Frontend.close, text(`S${name}`))), SYNC]);
}

/**
 * What runs in place of a batch that would have met another connection's unnamed statement: it fails in the engine, as
 * it should, so that a transaction is marked as failed.
 */
export function withoutItsStatement(batch: Batch): Uint8Array {
  const bind = wireMessage(Frontend.bind, text(""), text("unnamed, replaced meanwhile"), Buffer.alloc(6));
  return Buffer.concat(batch.end === "open" ? [bind] : [bind, SYNC]);
}

/** Gathers the messages of one connection. */
export class BatchBuilder {
  #parts: Uint8Array[] = [];
  #byteLength = 0;
  #usesEarlierUnnamed = false;
  #unnamed: Batch["unnamed"] = "kept";
  #closes: string[] = [];

  /** @param maxBatchBytes the largest batch taken */
  constructor(
    private readonly names: StatementNames,
    private readonly maxBatchBytes: number,
  ) {}

  /**
   * Adds a message.
   *
   * @returns the batch that it completes, or `null`
   * @throws FastChatError `badFrame` on a message without the names it must have, `tooLarge` on a batch over the limit,
   * `tooMany` on too many prepared statements
   */
  add(type: Exclude<FrontendType, typeof Frontend.terminate>, bytes: Uint8Array): Batch | null {
    switch (type) {
      case Frontend.query:
        return this.#completeQuery(bytes);
      case Frontend.sync:
        this.#push(bytes);
        return this.#complete("sync");
      case Frontend.flush:
        this.#push(bytes);
        return this.#complete("open");
      case Frontend.parse:
        this.#pushParse(bytes);
        return null;
      case Frontend.bind:
        this.#pushReference(bytes, zeroAt(bytes, 5) + 1);
        return null;
      case Frontend.describe:
        if (bytes[5] === STATEMENT) this.#pushReference(bytes, 6);
        else this.#push(bytes);
        return null;
      case Frontend.close:
        if (bytes[5] === STATEMENT) this.#pushClose(bytes);
        else this.#push(bytes);
        return null;
      case Frontend.execute:
        this.#push(bytes, COPY_REFUSED);
        return null;
      case Frontend.copyData:
      case Frontend.copyDone:
      case Frontend.copyFail:
        // Of a COPY that was refused before the client knew.
        return null;
    }
  }

  #completeQuery(bytes: Uint8Array): Batch {
    // Behind messages of an extended query without their Sync, it is passed over if one of them failed.
    const end = this.#parts.length === 0 ? "query" : "open";
    this.#unnamed = "dropped";
    this.#push(bytes, COPY_REFUSED);
    return this.#complete(end);
  }

  #pushParse(bytes: Uint8Array): void {
    const end = zeroAt(bytes, 5);
    const name = nameIn(bytes, 5, end);
    if (name === "") {
      this.#unnamed = "prepared";
      this.#push(bytes);
    } else {
      this.#push(...renamed(bytes, 5, end, this.names.define(name)));
    }
  }

  /** A message that refers to a statement by the name that begins at `start`. */
  #pushReference(bytes: Uint8Array, start: number): void {
    const end = zeroAt(bytes, start);
    const name = nameIn(bytes, start, end);
    if (name === "") {
      if (this.#unnamed === "kept") this.#usesEarlierUnnamed = true;
      this.#push(bytes);
    } else {
      this.#push(...renamed(bytes, start, end, this.names.find(name)));
    }
  }

  #pushClose(bytes: Uint8Array): void {
    const end = zeroAt(bytes, 6);
    const name = nameIn(bytes, 6, end);
    if (name === "") {
      this.#unnamed = "dropped";
      this.#push(bytes);
    } else {
      const closed = this.names.close(name);
      this.#closes.push(closed);
      this.#push(...renamed(bytes, 6, end, closed));
    }
  }

  #push(...parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      this.#parts.push(part);
      this.#byteLength += part.length;
    }
    if (this.#byteLength > this.maxBatchBytes) {
      throw new FastChatError("tooLarge", `A batch can have ${this.maxBatchBytes} bytes up to its Sync.`);
    }
  }

  #complete(end: Batch["end"]): Batch {
    const batch: Batch = {
      parts: this.#parts,
      byteLength: this.#byteLength,
      end,
      usesEarlierUnnamed: this.#usesEarlierUnnamed,
      unnamed: this.#unnamed,
      closes: this.#closes,
    };
    this.#parts = [];
    this.#byteLength = 0;
    this.#usesEarlierUnnamed = false;
    this.#unnamed = "kept";
    this.#closes = [];
    return batch;
  }
}

/** In Describe and Close: the name is a statement's, not a portal's. */
const STATEMENT = 0x53;

/** Where the text that begins at `start` ends. */
function zeroAt(bytes: Uint8Array, start: number): number {
  const end = bytes.indexOf(0, start);
  if (end < 0) throw new FastChatError("badFrame", "A message lacks the end of a name.");
  return end;
}

/** A name as a key: every byte string has its own. */
function nameIn(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

/** The message with another name at `start` to `end`; what follows, often megabytes, is not copied. */
function renamed(bytes: Uint8Array, start: number, end: number, name: string): [Uint8Array, Uint8Array] {
  const head = Buffer.concat([bytes.subarray(0, start), Buffer.from(name, "latin1")]);
  head.writeUInt32BE(bytes.length - 1 + head.length - end, 1);
  return [head, bytes.subarray(end)];
}
