/**
 * The personal archive (PROTOCOL.md, "Archive"): opened or made when first needed, opened again after a loss. Appends
 * go one batch at a time, in the order they were given, and wait as long as the archive is away; reads give up.
 */
import { MAX_ENTRIES } from "../../protocol/archive.js";
import { fromBase64Url } from "../../protocol/bytes.js";
import { FastChatError, errorRecord, type ErrorCode, type ErrorRecord } from "../../protocol/errors.js";
import type { Clock, Random } from "../../protocol/runtime.js";
import type { ArchiveSecrets } from "../../crypto/vault-contents.js";
import { ArchiveConnection, type Reply, type Request } from "./archive-connection.js";
import { RECONNECT, backoffMs, chanceOf } from "./backoff.js";
import { isFinal } from "./connection.js";
import type { ConnectionStatus } from "./messages.js";
import type { Transport, Endpoint } from "./ports.js";

export interface NewEntry {
  /** 32 bytes. */
  readonly chat: Uint8Array;
  /** 32 bytes. */
  readonly entry: Uint8Array;
  /** 32 bytes: where an entry of that tag stands, this one is not added. */
  readonly unless?: Uint8Array;
  readonly sealed: Uint8Array;
}

export interface Appended {
  readonly counter: number;
  /** The archive had an entry of that tag; this one was not added. */
  readonly had: boolean;
}

export type Page = Extract<Reply, { type: "page" }>;
export type PageEntry = Page["entries"][number];
type Read = Extract<Request, { type: "before" | "after" | "find" }>;

export interface ArchivePorts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
}

/** What the archive needs of the service. */
export interface ArchiveAccess {
  /** Where it is. */
  locate(): Promise<Endpoint>;
  /** It could not be reached there. */
  lost(): void;
  /** The right to make it, base64url. */
  voucher(): Promise<string>;
  /** Whether it was ever found or made: one that is gone after that is an alarm, not a reason to make another. */
  readonly made: boolean;
  /** It was found or made. */
  onMade(): Promise<void>;
  onStatus(status: ConnectionStatus): void;
}

/** The most bytes of entries in one batch: well below what the archive takes in a frame. */
const BATCH_BYTES = 1024 * 1024;
/** How long a read waits for the archive to come back, in milliseconds. */
const READ_PATIENCE_MS = 10_000;

/** What the archive says of entries that it never takes. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set(["tooLarge", "badRequest", "badFrame"]);

interface WaitingAppend {
  readonly entry: NewEntry;
  readonly resolve: (result: Appended) => void;
  readonly reject: (error: FastChatError) => void;
}

export class Archive {
  readonly #ports: ArchivePorts;
  readonly #access: ArchiveAccess;
  readonly #secrets: ArchiveSecrets;
  readonly #queue: WaitingAppend[] = [];
  readonly #readers = new Set<(connection: ArchiveConnection | FastChatError) => void>();
  /** Open, and ready for requests. */
  #connection: ArchiveConnection | null = null;
  /** On which the archive is being opened. */
  #opening: ArchiveConnection | null = null;
  #made: boolean;
  #running = false;
  #appending = false;
  /** 1 after a batch was refused, so that the entry at fault is found. */
  #batchEntries = MAX_ENTRIES;
  #closed: FastChatError | null = null;
  /** Why it takes nothing although it is there, as for being full. */
  #refusal: ErrorRecord | null = null;
  /** Why the last try to reach it failed. */
  #failure: FastChatError | null = null;
  readonly #pauses = new Set<() => void>();

  constructor(ports: ArchivePorts, access: ArchiveAccess, secrets: ArchiveSecrets) {
    this.#ports = ports;
    this.#access = access;
    this.#secrets = secrets;
    this.#made = access.made;
  }

  /** Whether it is away although it was asked for. */
  get away(): boolean {
    return this.#closed !== null || (this.#connection === null && this.#failure !== null);
  }

  /** Connects, unless that is done or under way. */
  open(): void {
    if (this.#running || this.#closed !== null) return;
    this.#running = true;
    void this.#run();
  }

  /**
   * Adds an entry behind those given before it.
   *
   * @returns once it is committed, however long the archive is away
   * @throws FastChatError `tooLarge`, `badRequest` for an entry that the archive never takes; the reason why the archive
   *   was closed, or why it cannot be opened at all
   */
  append(entry: NewEntry): Promise<Appended> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== null) {
        reject(this.#closed);
        return;
      }
      this.#queue.push({ entry, resolve, reject });
      this.open();
      void this.#appendAll();
    });
  }

  /** @throws FastChatError what the archive answered; `unavailable`, `unreachable`, `timeout` where it stays away */
  async read(request: Read): Promise<Page> {
    const deadline = this.#ports.clock.now() + READ_PATIENCE_MS;
    // Somebody asks just now: the next try need not wait its time.
    if (this.#connection === null) for (const wake of [...this.#pauses]) wake();
    for (;;) {
      const connection = await this.#connected(deadline);
      try {
        return await connection.request(request, "page");
      } catch (error) {
        // A lost connection says nothing about the request; reading twice does no harm.
        if (connection.alive || this.#closed !== null || this.#ports.clock.now() >= deadline) throw error;
      }
    }
  }

  /** Ends for good. Appends that wait are rejected; those sent may have been done. */
  close(reason = new FastChatError("unavailable", "The client was closed.")): void {
    if (this.#closed !== null) return;
    this.#closed = reason;
    this.#connection?.close();
    this.#opening?.close();
    for (const wake of [...this.#pauses]) wake();
    for (const { reject } of this.#queue.splice(0)) reject(reason);
    for (const reader of [...this.#readers]) reader(reason);
  }

  /** Keeps a connection as long as the archive is open. */
  async #run(): Promise<void> {
    let tries = 0;
    while (this.#closed === null) {
      const reason = await this.#once(() => {
        tries = 0;
      });
      if (this.#closed !== null) return;
      this.#failure = reason;
      const final = isFinal(reason.code) || reason.code === "noSuchArchive";
      if (final) this.close(reason);
      this.#access.onStatus({ kind: "archive", online: false, error: errorRecord(reason) });
      if (final) return;
      tries += 1;
      await this.#pause(
        backoffMs(tries, chanceOf(this.#ports.random), RECONNECT) + (reason.retryAfterMs ?? 0),
      );
    }
  }

  /** One connection from beginning to end. @returns why it ended */
  async #once(onOpened: () => void): Promise<FastChatError> {
    const { transport, clock } = this.#ports;
    let connection: ArchiveConnection | null = null;
    try {
      const endpoint = await this.#access.locate();
      this.#checkOpen();
      connection = await ArchiveConnection.connect(transport, clock, endpoint);
      this.#checkOpen();
      this.#opening = connection;
      await this.#openOn(connection);
      if (!this.#made) {
        this.#made = true;
        await this.#access.onMade();
      }
    } catch (error) {
      this.#opening = null;
      connection?.close();
      this.#access.lost();
      return error instanceof FastChatError
        ? error
        : new FastChatError("unreachable", "The archive cannot be reached.", undefined, { cause: error });
    }
    if (this.#closed !== null) {
      connection.close();
      return this.#closed;
    }
    onOpened();
    this.#opening = null;
    this.#failure = null;
    this.#connection = connection;
    this.#access.onStatus({ kind: "archive", online: true, error: this.#refusal });
    for (const reader of [...this.#readers]) reader(connection);
    void this.#appendAll();
    const reason = await connection.ended;
    this.#connection = null;
    return reason;
  }

  /** @throws FastChatError why it was closed */
  #checkOpen(): void {
    if (this.#closed !== null) throw this.#closed;
  }

  /** Opens the archive, by either token while one is being replaced; makes it where it never was. */
  async #openOn(connection: ArchiveConnection): Promise<void> {
    const { id: archive, token, nextToken } = this.#secrets;
    for (const each of nextToken === null ? [token] : [token, nextToken]) {
      try {
        await connection.request({ type: "open", archive, token: each }, "opened");
        return;
      } catch (error) {
        if (errorRecord(error).code !== "noSuchArchive") throw error;
      }
    }
    if (this.#made) {
      throw new FastChatError(
        "noSuchArchive",
        "The archive that this device knew is gone, or its token was changed; log in again.",
      );
    }
    const voucher = fromBase64Url(await this.#access.voucher());
    if (voucher === null) throw new FastChatError("badFrame", "The voucher is not of its form.");
    await connection.request({ type: "create", archive, token, voucher }, "opened");
  }

  async #appendAll(): Promise<void> {
    if (this.#appending) return;
    this.#appending = true;
    let tries = 0;
    while (this.#queue.length > 0 && this.#connection !== null) {
      const connection = this.#connection;
      const batch = this.#nextBatch();
      try {
        const { results } = await connection.request(
          { type: "append", entries: batch.map(({ entry }) => ({ ...entry })) },
          "appended",
        );
        if (results.length !== batch.length) {
          throw new FastChatError("badFrame", "The archive answered for another number of entries.");
        }
        tries = 0;
        this.#refused(null);
        this.#batchEntries = Math.min(MAX_ENTRIES, this.#batchEntries * 2);
        this.#queue.splice(0, batch.length);
        batch.forEach(({ resolve }, index) => {
          const { counter, had } = results[index] as (typeof results)[number];
          resolve({ counter, had });
        });
      } catch (error) {
        if (this.#closed !== null) break;
        if (!connection.alive) {
          // It may have been too much at once for the archive, which then hangs up.
          this.#batchEntries = Math.max(1, batch.length >> 1);
          break;
        }
        tries += 1;
        await this.#afterRefusal(batch, error, tries);
      }
    }
    this.#appending = false;
  }

  /** What is refused for its form is refused for ever; everything else is tried again after a while. */
  async #afterRefusal(batch: readonly WaitingAppend[], error: unknown, tries: number): Promise<void> {
    const record = errorRecord(error);
    if (!REFUSALS.has(record.code)) {
      this.#refused(record);
      await this.#pause(backoffMs(tries, chanceOf(this.#ports.random), RECONNECT));
    } else if (batch.length > 1) {
      this.#batchEntries = 1;
    } else {
      this.#queue.shift();
      batch[0]?.reject(new FastChatError(record.code, record.message));
    }
  }

  #refused(why: ErrorRecord | null): void {
    if (why === null && this.#refusal === null) return;
    this.#refusal = why;
    this.#access.onStatus({ kind: "archive", online: true, error: why });
  }

  #nextBatch(): WaitingAppend[] {
    const batch: WaitingAppend[] = [];
    let bytes = 0;
    for (const waiting of this.#queue) {
      bytes += waiting.entry.sealed.length;
      if (batch.length > 0 && (batch.length >= this.#batchEntries || bytes > BATCH_BYTES)) break;
      batch.push(waiting);
    }
    return batch;
  }

  #connected(deadline: number): Promise<ArchiveConnection> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (this.#connection !== null) return Promise.resolve(this.#connection);
    this.open();
    return new Promise((resolve, reject) => {
      const { clock } = this.#ports;
      const settle = (outcome: ArchiveConnection | FastChatError): void => {
        this.#readers.delete(settle);
        timer.cancel();
        if (outcome instanceof FastChatError) reject(outcome);
        else resolve(outcome);
      };
      const timer = clock.after(Math.max(0, deadline - clock.now()), () => {
        settle(this.#failure ?? new FastChatError("unavailable", "The archive is away; try again."));
      });
      this.#readers.add(settle);
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        this.#pauses.delete(wake);
        resolve();
      };
      const timer = this.#ports.clock.after(ms, wake);
      this.#pauses.add(wake);
    });
  }
}
