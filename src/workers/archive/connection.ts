/** A client's connection to the archive: performs what its state machine says, and knows backpressure and silence. */
import { archiveReplies, archiveRequests, type ArchiveReply } from "../../protocol/archive.js";
import { errorRecord, type ErrorRecord } from "../../protocol/errors.js";
import type { Clock, FrameChannel, FrameHandlers, Log, Timer } from "../../protocol/runtime.js";
import { StoreError } from "../../store/database.js";
import {
  FRESH_CONNECTION,
  transition,
  wantsMore,
  type AdmissionRequest,
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionState,
  type InFlightLimits,
} from "./connection-state.js";
import type { Caller, HandlerContext } from "./handlers/context.js";
import { admit, answersAtLength, serve } from "./handlers/dispatch.js";

export interface ConnectionOptions {
  readonly context: HandlerContext;
  readonly clock: Clock;
  readonly log: Log;
  readonly inFlight: InFlightLimits;
  /** The largest frame before an archive is open. */
  readonly admissionBytes: number;
  /** How long a connection may be without an open archive, and how long one that was closed may linger. */
  readonly helloMs: number;
  /** How long a peer may be silent. */
  readonly idleMs: number;
  readonly onClosed: (connection: Connection) => void;
}

type Serve = Extract<ConnectionEffect, { type: "serve" }>;

export class Connection implements FrameHandlers {
  #state: ConnectionState = FRESH_CONNECTION;
  /** Requests whose answers may be large, in the order they came. */
  readonly #reads: Serve[] = [];
  /** Once its archive is open. */
  #caller: Caller | null = null;
  #reading = false;
  /** Whether frames are being taken from the peer. */
  #flowing = true;
  #stopping = false;
  #heardAt: number;
  #hello: Timer;
  #idle: Timer;

  constructor(
    private readonly channel: FrameChannel,
    private readonly options: ConnectionOptions,
  ) {
    const { clock, helloMs, idleMs } = options;
    this.#heardAt = clock.now();
    this.#hello = clock.after(helloMs, () => this.#apply({ type: "helloOver" }));
    this.#idle = this.#watchIn(idleMs);
  }

  onFrame(content: Uint8Array): void {
    this.#heardAt = this.options.clock.now();
    if (this.#state.at === "closed") return;
    if (this.#state.at !== "open" && content.length > this.options.admissionBytes) {
      return this.#apply({ type: "giveUp" });
    }
    let request;
    try {
      // A copy: entries that wait for the database must not keep the socket's whole buffer with them.
      request = archiveRequests.decode(Buffer.from(content));
    } catch (error) {
      this.options.log.debug({ error }, "a client of the archive is not understood");
      return this.#apply({ type: "giveUp" });
    }
    this.#apply({ type: "request", request, bytes: content.length });
  }

  onDrain(): void {
    this.#steer();
    void this.#readOn();
  }

  onClose(error?: Error): void {
    if (error !== undefined) this.options.log.debug({ error }, "a connection to the archive broke off");
    this.#apply({ type: "closed" });
    this.#hello.cancel();
    this.#idle.cancel();
    if (this.#caller !== null) this.options.context.followers.leave(this.#caller);
    this.options.onClosed(this);
  }

  /** Takes no more requests; those under way are still answered. */
  stop(): void {
    this.#stopping = true;
    this.#steer();
  }

  close(): void {
    this.#apply({ type: "giveUp" });
  }

  destroy(): void {
    this.channel.destroy();
  }

  #apply(event: ConnectionEvent): void {
    const { state, effects } = transition(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    this.#steer();
  }

  #perform(effect: ConnectionEffect): void {
    switch (effect.type) {
      case "admit":
        return void this.#admit(effect.request);
      case "serve":
        if (!answersAtLength(effect.request)) return void this.#serve(effect);
        this.#reads.push(effect);
        return void this.#readOn();
      case "refuse":
        return this.#send({ type: "failed", ref: effect.ref, code: effect.code, message: effect.message });
      case "close":
        return this.#closeChannel();
    }
  }

  async #admit(request: AdmissionRequest): Promise<void> {
    try {
      const reply = await admit(this.options.context, request);
      if (this.#state.at !== "opening") return;
      this.#hello.cancel();
      this.channel.admit();
      this.#caller = { archive: request.archive, connected: () => this.#state.at === "open" };
      this.#apply({ type: "admitted" });
      this.#send(reply);
    } catch (error) {
      if (this.#state.at !== "opening") return;
      this.#apply({ type: "refused" });
      this.#fail(request.ref, error);
    }
  }

  async #serve({ request, bytes }: Serve): Promise<void> {
    const caller = this.#caller;
    if (caller === null) return;
    try {
      const reply = await serve(this.options.context, caller, request);
      if (caller.connected()) this.#send(reply);
    } catch (error) {
      if (caller.connected()) this.#fail(request.ref, error);
    }
    this.#apply({ type: "answered", bytes });
  }

  /** Serves reads one after another, as long as the client takes what it is sent. */
  async #readOn(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    while (this.#state.at === "open" && !this.channel.congested) {
      const next = this.#reads.shift();
      if (next === undefined) break;
      await this.#serve(next);
    }
    this.#reading = false;
  }

  #send(reply: ArchiveReply): void {
    this.channel.send(archiveReplies.encode(reply));
  }

  #fail(ref: number, error: unknown): void {
    const record = toldToClient(error);
    if (record.code === "internal") this.options.log.error({ error }, "a request to the archive failed");
    this.#send({ type: "failed", ref, ...record });
  }

  /** Reads from the peer, or does not: the one place that decides. */
  #steer(): void {
    // Once closed it flows again, or the end of the peer's side would never be read.
    const flowing =
      this.#state.at === "closed" ||
      (!this.#stopping && !this.channel.congested && wantsMore(this.#state, this.options.inFlight));
    if (flowing === this.#flowing) return;
    this.#flowing = flowing;
    if (flowing) {
      // It could not be heard while nobody listened.
      this.#heardAt = this.options.clock.now();
      this.channel.resume();
    } else {
      this.channel.pause();
    }
  }

  #watchIn(ms: number): Timer {
    const { clock } = this.options;
    const due = clock.now() + ms;
    return clock.after(ms, () => this.#idleOnClock(due));
  }

  #idleOnClock(due: number): void {
    const { clock, idleMs } = this.options;
    // Far too late: the archive slept, and what the peer sent meanwhile lies in its socket, unread.
    if (clock.now() - due > idleMs / 2) this.#heardAt = clock.now();
    const silentMs = clock.now() - this.#heardAt;
    // A peer that does not take what it is sent is silent by its own choice; one that waits for us is not.
    const waitsForUs = !this.#flowing && !this.channel.congested;
    if (silentMs >= idleMs && !waitsForUs) return this.#apply({ type: "giveUp" });
    this.#idle = this.#watchIn(waitsForUs ? idleMs : idleMs - silentMs);
  }

  #closeChannel(): void {
    this.#hello.cancel();
    this.#idle.cancel();
    this.channel.close();
    // Its peer may never close its own side.
    this.#hello = this.options.clock.after(this.options.helloMs, () => this.channel.destroy());
  }
}

/** What a client may know of a failure: nothing of the database's own words. */
function toldToClient(error: unknown): ErrorRecord {
  if (!(error instanceof StoreError)) return errorRecord(error);
  return error.kind === "retry"
    ? { code: "unavailable", message: "The archive's database does not answer; try again." }
    : { code: "internal", message: "The archive's database refused this." };
}
