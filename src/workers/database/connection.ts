/** One client of the bridge: its greeting, its messages on their way to the scheduler, its answers on their way out. */
import type { Duplex } from "node:stream";
import { FastChatError } from "../../protocol/errors.js";
import type { Clock, Timer } from "../../protocol/runtime.js";
import {
  authenticationOk,
  backendKeyData,
  errorResponse,
  fatal,
  negotiateProtocolVersion,
  NO_ENCRYPTION,
  parameterStatus,
  readyForQuery,
  type AnswerSummary,
  type SqlError,
} from "./backend.js";
import { BatchBuilder, closeStatements, type Batch } from "./batch.js";
import { Frontend, FrontendSplitter, type FrontendMessage } from "./frontend.js";
import type { Client, Scheduler } from "./scheduler.js";
import { StatementNames } from "./statement-names.js";

export interface ConnectionOptions {
  /** Tells the connections of one engine apart. */
  readonly number: number;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  /** What the engine reports of itself in a greeting, as `server_version`. */
  readonly parameters: ReadonlyMap<string, string>;
  /** How long a greeting may take, in milliseconds. */
  readonly helloMs: number;
  /** The largest message and the largest batch, in bytes. */
  readonly maxBatchBytes: number;
  /** Answers waiting for the client, in bytes, from which it gets no turn until they are gone. */
  readonly maxUnsentBytes: number;
}

/** Whole batches that may wait, however small, before the client is not read on. */
const MAX_QUEUED_BATCHES = 256;
/** How long the last words may take to leave, in milliseconds. */
const FAREWELL_MS = 1000;

type State =
  | { readonly kind: "greeting"; readonly timer: Timer }
  | { readonly kind: "serving" }
  /** The client said goodbye; what it sent before is still run and answered. */
  | { readonly kind: "leaving" }
  | { readonly kind: "closed" };

/**
 * Serves a client on a stream, which belongs to the connection from then on. The stream must not close by itself when
 * its other end does (`allowHalfOpen`).
 */
export class Connection implements Client {
  readonly #splitter: FrontendSplitter;
  readonly #names: StatementNames;
  readonly #builder: BatchBuilder;
  #state: State;
  #queuedBatches = 0;
  #queuedBytes = 0;

  constructor(
    private readonly stream: Duplex,
    private readonly options: ConnectionOptions,
  ) {
    this.#splitter = new FrontendSplitter(options.maxBatchBytes);
    this.#names = new StatementNames(options.number);
    this.#builder = new BatchBuilder(this.#names, options.maxBatchBytes);
    this.#state = { kind: "greeting", timer: options.clock.after(options.helloMs, () => stream.destroy()) };
    stream.on("data", (chunk: Buffer) => this.#dataOnStream(chunk));
    stream.on("end", () => this.#terminate());
    stream.on("drain", () => options.scheduler.uncongested(this));
    // Whatever went wrong, the close that follows says all there is to know.
    stream.on("error", () => undefined);
    stream.on("close", () => this.#leave());
  }

  get congested(): boolean {
    return this.stream.writableLength > this.options.maxUnsentBytes;
  }

  answer(bytes: Uint8Array, batch: Batch, summary: AnswerSummary): void {
    if (summary.error === null) this.#names.forget(batch.closes);
    this.#queuedBatches--;
    this.#queuedBytes -= batch.byteLength;
    if (this.#state.kind === "closed") return;
    if (bytes.length > 0) this.stream.write(bytes);
    if (this.#state.kind === "leaving" && this.#queuedBatches === 0) this.#close();
    else if (this.stream.isPaused() && !this.#full()) this.stream.resume();
  }

  expel(error: SqlError | null): void {
    this.#close(error === null ? undefined : errorResponse(error));
  }

  #dataOnStream(chunk: Buffer): void {
    if (this.#state.kind === "closed") return;
    try {
      this.#splitter.push(chunk, (message) => this.#message(message));
    } catch (error) {
      this.#refuse(error);
    }
  }

  #message(message: FrontendMessage): void {
    switch (message.kind) {
      case "encryption":
        this.stream.write(NO_ENCRYPTION);
        return;
      case "cancel":
        // What runs on the engine cannot be interrupted, and what does not run needs no cancelling.
        return this.#close();
      case "startup":
        return this.#startup(message.major, message.minor, message.parameters);
      case "message":
        if (this.#state.kind !== "serving") return;
        if (message.type === Frontend.terminate) return this.#terminate();
        const batch = this.#builder.add(message.type, message.bytes);
        if (batch !== null) this.#submit(batch);
    }
  }

  #submit(batch: Batch): void {
    this.#queuedBatches++;
    this.#queuedBytes += batch.byteLength;
    if (this.#full()) this.stream.pause();
    this.options.scheduler.submit(this, batch);
  }

  /** Only whole batches count: the rest of one that has begun must be read. */
  #full(): boolean {
    return this.#queuedBatches >= MAX_QUEUED_BATCHES || this.#queuedBytes >= this.options.maxBatchBytes;
  }

  #startup(major: number, minor: number, asked: ReadonlyMap<string, string>): void {
    if (this.#state.kind !== "greeting") return;
    const user = asked.get("user") ?? "";
    const database = asked.get("database") ?? user;
    if (major !== 3) {
      return this.expel(fatal("0A000", `protocol ${major}.${minor} is not spoken here; 3.0 is`));
    }
    if (user !== "postgres") return this.expel(fatal("28000", "the only user here is postgres"));
    if (database !== "postgres") return this.expel(fatal("3D000", "the only database here is postgres"));
    this.#state.timer.cancel();
    this.#state = { kind: "serving" };
    const unknown = [...asked.keys()].filter((name) => name.startsWith("_pq_."));
    const { number, parameters, scheduler } = this.options;
    this.stream.write(
      Buffer.concat([
        ...(minor > 0 || unknown.length > 0 ? [negotiateProtocolVersion(major, unknown)] : []),
        authenticationOk(),
        ...[...parameters].map(([name, value]) => parameterStatus(name, value)),
        // The secret serves to cancel, which does nothing here, so that it need not be one.
        backendKeyData(number, 0),
        readyForQuery("I"),
      ]),
    );
    scheduler.attach(this);
  }

  /** The client sends no more; what it has sent is still run and answered. */
  #terminate(): void {
    if (this.#queuedBatches === 0) this.#close();
    else if (this.#state.kind === "serving") this.#state = { kind: "leaving" };
  }

  #refuse(error: unknown): void {
    const code = error instanceof FastChatError ? error.code : "internal";
    const message = error instanceof Error ? error.message : String(error);
    const states: Partial<Record<string, string>> = {
      tooLarge: "54000",
      tooMany: "53400",
      badFrame: "08P01",
    };
    this.expel(fatal(states[code] ?? "XX000", message));
  }

  #close(lastWords?: Uint8Array): void {
    if (this.#state.kind === "closed") return;
    this.#leave();
    // Read on until the client closes its end: closing over what it still sends would take our last words from it.
    this.stream.resume();
    const timer = this.options.clock.after(FAREWELL_MS, () => this.stream.destroy());
    this.stream.on("close", () => timer.cancel());
    this.stream.end(lastWords ?? Buffer.alloc(0));
  }

  /** Gives up everything that stands for this client in the engine; harmless if done before. */
  #leave(): void {
    const { kind } = this.#state;
    if (this.#state.kind === "greeting") this.#state.timer.cancel();
    this.#state = { kind: "closed" };
    if (kind === "greeting" || kind === "closed") return;
    this.options.scheduler.detach(this);
    const prepared = this.#names.all();
    if (prepared.length > 0) void this.options.scheduler.runTask(closeStatements(prepared));
  }
}
