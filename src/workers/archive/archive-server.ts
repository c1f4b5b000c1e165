/**
 * The archive's server: takes channels, lets clients in, and answers for their archives. It is given clock, store and
 * channels, and so does not know which thread it is on, nor whether time is real.
 */
import type { Config } from "../../config.js";
import type { Clock, FrameChannel, FrameHandlers, Log, Timer } from "../../protocol/runtime.js";
import { isPassing } from "../../store/database.js";
import type { ArchiveStore } from "../../store/archive.js";
import type { FileStore } from "../../store/files.js";
import { AppendWriter } from "./append-writer.js";
import { Followers } from "./followers.js";
import { Connection, type ConnectionOptions } from "./connection.js";
import type { HandlerContext } from "./handlers/context.js";
import { Retries } from "./retries.js";
import type { VerifySignature } from "./vouchers.js";

export interface ArchiveServerOptions {
  readonly store: ArchiveStore;
  /** Where files are kept; they are not where it is missing. */
  readonly files?: FileStore;
  readonly limits: Pick<
    Config["limits"],
    | "archiveEntriesPerArchive"
    | "archiveFrameBytes"
    | "fileStoreMiB"
    | "maxControlBytes"
    | "sendWindow"
    | "sendWindowBytes"
    | "socketBufferBytes"
    | "writeBatchBytes"
    | "writeBatchRows"
  >;
  readonly timeouts: Pick<
    Config["timeouts"],
    "databaseMs" | "helloMs" | "idleMs" | "restartMaxMs" | "restartMinMs" | "stopMs" | "sweepMs" | "voucherMs"
  >;
  readonly clock: Clock;
  /** The time of day in milliseconds since 1970, by which vouchers are judged. */
  readonly timeOfDay: () => number;
  readonly log: Log;
  /** Checks a voucher under the balancer's public key. */
  readonly verifySignature: VerifySignature;
  /** Runs a callback at the end of this turn of the event loop. */
  readonly soon: (callback: () => void) => void;
  /**
   * How often the store is asked for what others added to it, in milliseconds; never if missing, where nobody else writes to
   * the store.
   */
  readonly pollMs?: number;
}

export interface ArchiveServer {
  /** Takes a client's connection. */
  accept(channel: FrameChannel): FrameHandlers;
  /** Connections that are open. */
  readonly connections: number;
  /** Takes no more requests, finishes the appends it has as long as time permits, and closes every connection. */
  stop(): Promise<void>;
}

/** How many batches may wait for the database before appends are refused. */
const QUEUED_BATCHES = 16;
const MIB = 1024 * 1024;
/** What a page's reply holds besides its entries. */
const REPLY_OVERHEAD_BYTES = 64;

export function createArchiveServer(options: ArchiveServerOptions): ArchiveServer {
  const { store, limits, timeouts, clock, log, soon } = options;
  const retries = new Retries({ clock, minMs: timeouts.restartMinMs, maxMs: timeouts.restartMaxMs });
  const writer = new AppendWriter({
    store,
    retries,
    log,
    soon,
    maxRows: limits.writeBatchRows,
    maxBytes: limits.writeBatchBytes,
    maxQueuedBytes: QUEUED_BATCHES * limits.writeBatchBytes,
    maxEntries: limits.archiveEntriesPerArchive,
  });
  const followers = new Followers(clock);
  const context: HandlerContext = {
    store,
    files: options.files ?? null,
    fileStoreBytes: limits.fileStoreMiB * MIB,
    writer,
    followers,
    verifySignature: options.verifySignature,
    now: options.timeOfDay,
    ask: (work) => retries.within(timeouts.databaseMs, work),
    idleMs: timeouts.idleMs,
    pollMs: options.pollMs ?? Infinity,
    pageBytes: Math.min(limits.archiveFrameBytes, limits.socketBufferBytes) - REPLY_OVERHEAD_BYTES,
  };
  const connections = new Set<Connection>();
  let allClosed: (() => void) | null = null;
  let stopping = false;
  const connectionOptions: ConnectionOptions = {
    context,
    clock,
    log,
    // One waits for news.
    inFlight: { requests: limits.sendWindow + 1, bytes: limits.sendWindowBytes },
    admissionBytes: limits.maxControlBytes,
    helloMs: timeouts.helloMs,
    idleMs: timeouts.idleMs,
    onClosed(connection) {
      connections.delete(connection);
      writer.someoneLeft();
      if (connections.size === 0) allClosed?.();
    },
  };

  let sweep: Timer = clock.after(timeouts.sweepMs, sweepOnClock);
  function sweepOnClock(): void {
    sweep = clock.after(timeouts.sweepMs, sweepOnClock);
    options.files?.sweep(options.timeOfDay()).catch((error: unknown) => {
      log[isPassing(error) ? "debug" : "warn"]({ error }, "expired files are not swept yet");
    });
    // Kept for a while after they expired: a clock that is set back must not make them good again.
    store.forgetVouchers(options.timeOfDay() - timeouts.voucherMs).catch((error: unknown) => {
      log[isPassing(error) ? "debug" : "warn"]({ error }, "used vouchers are not swept yet");
    });
  }

  function whenAllClosed(): Promise<void> {
    if (connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      allClosed = resolve;
    });
  }

  return {
    accept(channel) {
      const connection = new Connection(channel, connectionOptions);
      connections.add(connection);
      if (stopping) connection.close();
      return connection;
    },
    get connections() {
      return connections.size;
    },
    async stop() {
      stopping = true;
      sweep.cancel();
      for (const connection of connections) connection.stop();
      followers.stop();
      await atMost(clock, timeouts.stopMs / 4, writer.whenIdle());
      writer.close();
      retries.stop();
      // What was committed last is answered in this turn.
      await new Promise<void>((resolve) => soon(resolve));
      for (const connection of connections) connection.close();
      await atMost(clock, timeouts.stopMs / 8, whenAllClosed());
      for (const connection of connections) connection.destroy();
      await whenAllClosed();
    },
  };
}

/** Waits for something, but not longer than so many milliseconds. */
function atMost(clock: Clock, ms: number, done: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(ms, resolve);
    void done.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
