/**
 * The personal archive (PROTOCOL.md, "Archive"): opened or made when first needed, opened again after a loss. Appends
 * go one batch at a time, in the order they were given, and wait as long as the archive is away; reads give up.
 */
import { MAX_ENTRIES } from "../../protocol/archive.js";
import { FastChatError, errorRecord } from "../../protocol/errors.js";
import type { Clock, Random } from "../../protocol/runtime.js";
import type { ArchiveSecrets } from "../../crypto/vault-contents.js";
import { AppendQueue, type Appended, type NewEntry } from "./append-queue.js";
import { ArchiveConnection, type Reply, type Request } from "./archive-connection.js";
import { ArchiveOpening, type OpeningAccess } from "./archive-opening.js";
import { RECONNECT, backoffMs, chanceOf } from "./backoff.js";
import { isFinal } from "./connection.js";
import type { ConnectionStatus } from "./messages.js";
import { Pauses } from "./pauses.js";
import type { Transport, Endpoint } from "./ports.js";
import { Signal } from "./signal.js";

export type { Appended, NewEntry } from "./append-queue.js";
export type Page = Extract<Reply, { type: "page" }>;
export type PageEntry = Page["entries"][number];
export type ChatPage = Extract<Reply, { type: "chatPage" }>;
export type ArchivedChat = ChatPage["chats"][number];
export type News = Extract<Reply, { type: "news" }>;
type Read = Extract<Request, { type: "before" | "after" | "find" }>;
/** What may be asked again after a loss: what was read does no harm, and what was written is found to be. */
type Question = Exclude<Request, { type: "create" | "open" | "append" | "follow" | "ping" }>;

/** Where an archive has got to. */
export interface ArchiveHead {
  /** Counter of the newest entry; 0 where there is none. */
  readonly counter: number;
  /** Writes of notes on chats so far. */
  readonly revision: number;
}

/** How the archive stands just now. */
export interface Standing {
  /** Since when it is there, or has been away or in doubt, by the clock. */
  readonly since: number;
  /** Counter of its newest entry when it was opened; `null` while it is away or in doubt. */
  readonly opened: number | null;
}

export interface ArchivePorts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
}

/** What the archive needs of the service. */
export interface ArchiveAccess extends OpeningAccess {
  /** Where it is. */
  locate(): Promise<Endpoint>;
  /** It could not be reached there. */
  lost(): void;
  onStatus(status: ConnectionStatus): void;
}

/** How long a read waits for the archive to come back, in milliseconds. */
const READ_PATIENCE_MS = 10_000;
/** Pause after an answer without news, in milliseconds: an archive that answers at once for ever costs little so. */
const NO_NEWS_MS = 500;

export class Archive {
  readonly #ports: ArchivePorts;
  readonly #access: ArchiveAccess;
  readonly #opener: ArchiveOpening;
  readonly #appends: AppendQueue;
  readonly #readers = new Set<(connection: ArchiveConnection | FastChatError) => void>();
  /** Open, and ready for requests. */
  #connection: ArchiveConnection | null = null;
  /** On which the archive is being opened. */
  #opening: ArchiveConnection | null = null;
  #running = false;
  #closed: FastChatError | null = null;
  /** Why the last try to reach it failed. */
  #failure: FastChatError | null = null;
  readonly #pauses: Pauses;
  /** Where it stood when it was opened last, or has got to since by what was added here. */
  #head: ArchiveHead = { counter: 0, revision: 0 };
  /** Counter of its newest entry when it was opened last. */
  #openedAt = 0;
  #standing: Standing;
  #changed = new Signal();

  constructor(ports: ArchivePorts, access: ArchiveAccess, secrets: ArchiveSecrets) {
    this.#ports = ports;
    this.#access = access;
    this.#opener = new ArchiveOpening(access, secrets);
    this.#pauses = new Pauses(ports.clock);
    this.#standing = { since: ports.clock.now(), opened: null };
    this.#appends = new AppendQueue({
      connection: () => this.#connection,
      isClosed: () => this.#closed !== null,
      onAdded: (counter) => {
        this.#head = { ...this.#head, counter: Math.max(counter, this.#head.counter) };
      },
      pause: (tries) => this.#pauses.pause(backoffMs(tries, chanceOf(ports.random), RECONNECT)),
      onRefused: (error) => access.onStatus({ kind: "archive", online: true, error }),
    });
  }

  /** Whether it is away although it was asked for. */
  get away(): boolean {
    return this.#closed !== null || (this.#connection === null && this.#failure !== null);
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** Once {@link standing} is another one. */
  whenChanged(): Promise<void> {
    return this.#changed.wait();
  }

  /**
   * The way to the service has come back: the archive's may have broken as well, although nothing tells of that yet.
   * Until it has answered it is away.
   */
  prove(): void {
    const connection = this.#connection;
    this.#stands(null);
    this.#pauses.end();
    connection?.request({ type: "ping" }, "pong").then(
      () => {
        if (this.#connection === connection) this.#stands(this.#openedAt);
      },
      // Its end is told by the connection.
      () => undefined,
    );
  }

  /** Connects, unless that is done or under way. */
  open(): void {
    if (this.#running || this.#closed !== null) return;
    this.#running = true;
    this.#stands(null);
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
    if (this.#closed !== null) return Promise.reject(this.#closed);
    this.open();
    return this.#appends.add(entry);
  }

  /** Whether this client was to add the entry of that counter, since it began to follow. */
  isOwn(counter: number): boolean {
    return this.#appends.isOwn(counter);
  }

  /** Up to where everything is known to whoever follows and knows all up to a counter. */
  comePast(counter: number): number {
    return this.#appends.comePast(counter);
  }

  /**
   * Where it stood when it was opened last, or has got to since by what was added here.
   *
   * @throws FastChatError `unavailable`, `unreachable` where it stays away
   */
  async head(): Promise<ArchiveHead> {
    await this.#connected(this.#ports.clock.now() + READ_PATIENCE_MS);
    return this.#head;
  }

  /** As {@link ask}. */
  read(request: Read): Promise<Page> {
    return this.ask(request, "page");
  }

  /**
   * Waits for what other devices add, however long the archive is away meanwhile. One at a time.
   *
   * @param known what is known already; where it is missing, all that stands there when the archive is reached next
   * @returns what is new, if only that time has passed, and up to where all is known then
   * @throws FastChatError the reason why the archive was closed
   */
  async follow(known: ArchiveHead | null): Promise<{ news: News | null; head: ArchiveHead }> {
    this.#appends.remember();
    for (;;) {
      const connection = await this.#connected(Infinity);
      if (known === null) return { news: null, head: this.#head };
      const { revision } = known;
      const counter = this.#appends.comePast(known.counter);
      try {
        const news = await connection.request(
          { type: "follow", after: counter, revision, limit: MAX_ENTRIES },
          "news",
        );
        const head = headBehind({ counter, revision }, news);
        if (news.entries.length + news.chats.length === 0) await this.#pauses.pause(NO_NEWS_MS);
        return { news, head };
      } catch (error) {
        if (this.#closed !== null) throw this.#closed;
        // What it refuses now it may take later, as while its database is away.
        if (connection.alive) await this.#pauses.pause(backoffMs(1, chanceOf(this.#ports.random), RECONNECT));
        else if (!(error instanceof FastChatError)) throw error;
      }
    }
  }

  /**
   * Asks, once more after a loss.
   *
   * @throws FastChatError what the archive answered; `unavailable`, `unreachable`, `timeout` where it stays away
   */
  async ask<Type extends Reply["type"]>(
    request: Question,
    expected: Type,
  ): Promise<Extract<Reply, { type: Type }>> {
    const deadline = this.#ports.clock.now() + READ_PATIENCE_MS;
    // Somebody asks just now: the next try need not wait its time.
    if (this.#connection === null) this.#pauses.end();
    for (;;) {
      const connection = await this.#connected(deadline);
      try {
        return await connection.request(request, expected);
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
    this.#pauses.end();
    this.#appends.rejectAll(reason);
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
      await this.#pauses.pause(
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
      this.#head = await this.#opener.open(connection);
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
    this.#openedAt = this.#head.counter;
    this.#stands(this.#openedAt);
    this.#access.onStatus({ kind: "archive", online: true, error: this.#appends.refusal });
    for (const reader of [...this.#readers]) reader(connection);
    void this.#appends.run();
    const reason = await connection.ended;
    this.#connection = null;
    this.#stands(null);
    return reason;
  }

  #stands(opened: number | null): void {
    this.#standing = { since: this.#ports.clock.now(), opened };
    this.#changed.notify();
  }

  /** @throws FastChatError why it was closed */
  #checkOpen(): void {
    if (this.#closed !== null) throw this.#closed;
  }

  #connected(deadline: number): Promise<ArchiveConnection> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (this.#connection !== null) return Promise.resolve(this.#connection);
    this.open();
    return new Promise((resolve, reject) => {
      const { clock } = this.#ports;
      const settle = (outcome: ArchiveConnection | FastChatError): void => {
        this.#readers.delete(settle);
        timer?.cancel();
        if (outcome instanceof FastChatError) reject(outcome);
        else resolve(outcome);
      };
      const give = (): void =>
        settle(this.#failure ?? new FastChatError("unavailable", "The archive is away; try again."));
      const timer = deadline === Infinity ? null : clock.after(Math.max(0, deadline - clock.now()), give);
      this.#readers.add(settle);
    });
  }
}

/**
 * Up to where all is known with some news.
 *
 * @throws FastChatError `badFrame` for news that are none: what is known already, or out of order
 */
function headBehind(known: ArchiveHead, { entries, chats }: News): ArchiveHead {
  let { counter, revision } = known;
  for (const entry of entries) {
    if (entry.counter <= counter)
      throw new FastChatError("badFrame", "The archive told of old entries as news.");
    counter = entry.counter;
  }
  for (const chat of chats) {
    if (chat.revision <= revision)
      throw new FastChatError("badFrame", "The archive told of old notes as news.");
    revision = chat.revision;
  }
  return { counter, revision };
}
