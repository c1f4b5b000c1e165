/** The connection to a chat server: performs what connection.ts decides. */
import {
  clientMessages,
  serverMessages,
  type ClientMessage,
  type ServerMessage,
} from "../../protocol/chat.js";
import { FastChatError, type ErrorRecord } from "../../protocol/errors.js";
import {
  Kind,
  decodeAccepted,
  decodeSend,
  frameKind,
  type AcceptedFrame,
  type SendFrame,
} from "../../protocol/hot.js";
import type { Placement } from "../../protocol/http.js";
import type { ConversationId } from "../../protocol/ids.js";
import type { Clock, FrameChannel, Random, Timer } from "../../protocol/runtime.js";
import { chanceOf } from "./backoff.js";
import { START, step } from "./connection.js";
import type {
  ConnectionEffect,
  ConnectionEvent,
  ConnectionState,
  TimerName,
  Welcome,
} from "./connection-state.js";
import type { GroupReply } from "./group-service.js";
import type { ConnectionStatus } from "./messages.js";
import type { Endpoint, Transport } from "./ports.js";

/** What the session tells the rest of the client. None of these may throw. */
export interface SessionListener {
  onOpened(welcome: Welcome): void;
  /** The session that was open is no more; what was sent and not answered has to be sent again. */
  onDown(): void;
  onLive(): void;
  onAccepted(accepted: AcceptedFrame): void;
  /** The frame's bytes are the listener's own. */
  onDeliver(delivery: SendFrame): void;
  /** There is room to send again. */
  onDrain(): void;
  /** A hint: a group may have come to that epoch. */
  onGroupChanged(group: ConversationId, epoch: number): void;
  onGroupReply(reply: GroupReply): void;
  /** The session ended for good, for this reason; `null` if it was told to. */
  onClosed(error: ErrorRecord | null): void;
  onStatus(status: ConnectionStatus): void;
  /** Whether something waits to be sent. */
  isNeeded(): boolean;
}

export interface SessionPorts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
}

/** A connection to a chat server: that of the session, or the one where it goes on. */
interface Way {
  readonly channel: FrameChannel;
  heardAt: number;
  spokeAt: number;
}

export class Session {
  readonly #ports: SessionPorts;
  readonly #place: () => Promise<Placement>;
  readonly #listener: SessionListener;
  readonly #timers = new Map<TimerName, Timer>();
  /** By their numbers; more than one only while the session moves. */
  readonly #ways = new Map<number, Way>();
  #state: ConnectionState = START;

  /** @param place asks the balancer for a server and a ticket */
  constructor(ports: SessionPorts, place: () => Promise<Placement>, listener: SessionListener) {
    this.#ports = ports;
    this.#place = place;
    this.#listener = listener;
  }

  /** What the server said at the beginning of the open session; `null` while there is none. */
  get welcome(): Welcome | null {
    return this.#state.phase === "open" ? this.#state.welcome : null;
  }

  /** Why the session ended for good, if it did. */
  get error(): ErrorRecord | null {
    return this.#state.phase === "closed" ? this.#state.error : null;
  }

  /** Whether frames sent now would only queue up. */
  get congested(): boolean {
    return this.#way?.channel.congested ?? true;
  }

  /** Connects, unless that is under way: something waits to be sent. */
  need(): void {
    this.#handle({ type: "need" });
  }

  /** Asks for deliveries, from now on and in every session to come. */
  attach(): void {
    this.#handle({ type: "attach" });
  }

  detach(): void {
    this.#handle({ type: "detach" });
  }

  /** Ends this session and opens another one. */
  renew(): void {
    this.#handle({ type: "renew" });
  }

  /** Ends for good; what is queued still leaves. */
  stop(): void {
    this.#handle({ type: "stop", error: null });
  }

  /** Sends a control message in the open session, if there is one. */
  say(message: ClientMessage): void {
    if (this.#state.phase === "open") this.#say(this.#state.attempt, message);
  }

  /** Sends a frame in the open session. @returns false where there is none */
  send(frame: Uint8Array): boolean {
    const way = this.#way;
    if (this.#state.phase !== "open" || way === undefined) return false;
    way.spokeAt = this.#ports.clock.now();
    way.channel.send(frame);
    return true;
  }

  /** The connection of the session itself. */
  get #way(): Way | undefined {
    return this.#ways.get(this.#state.attempt);
  }

  #handle(event: ConnectionEvent): void {
    const { clock, random } = this.#ports;
    const { state, effects } = step(this.#state, event, {
      now: clock.now(),
      chance: chanceOf(random),
      needed: this.#listener.isNeeded(),
    });
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: ConnectionEffect): void {
    switch (effect.do) {
      case "place":
        this.#ask(effect.attempt);
        return;
      case "connect":
        this.#connect(effect.attempt, effect.server);
        return;
      case "say":
        this.#say(effect.attempt, effect.message);
        return;
      case "hangUp":
        this.#hangUp(effect.attempt, effect.orderly);
        return;
      case "setTimer":
        this.#setTimer(effect.name, effect.ms);
        return;
      case "cancelTimers":
        for (const timer of this.#timers.values()) timer.cancel();
        this.#timers.clear();
        return;
      case "opened":
        this.#listener.onOpened(effect.welcome);
        return;
      case "live":
        this.#listener.onLive();
        return;
      case "down":
        this.#listener.onDown();
        return;
      case "closed":
        this.#listener.onClosed(effect.error);
        return;
      case "status":
        this.#listener.onStatus(effect.status);
        return;
    }
  }

  #ask(attempt: number): void {
    this.#place().then(
      (placement) => this.#handle({ type: "placed", attempt, placement }),
      (error: unknown) => this.#failed(attempt, error),
    );
  }

  #connect(attempt: number, server: Endpoint): void {
    const handlers = {
      onFrame: (content: Uint8Array) => this.#onFrame(attempt, content),
      onDrain: () => {
        if (this.#state.attempt === attempt) this.#listener.onDrain();
      },
      onClose: (error?: Error) => {
        this.#ways.delete(attempt);
        this.#failed(
          attempt,
          error ?? new FastChatError("unavailable", "The chat server closed the connection."),
        );
      },
    };
    this.#ports.transport.connect(server, handlers).then(
      (channel) => {
        // The way may have been abandoned while the connection came about.
        if (connecting(this.#state) !== attempt) {
          channel.destroy();
          return;
        }
        const now = this.#ports.clock.now();
        this.#ways.set(attempt, { channel, heardAt: now, spokeAt: now });
        this.#handle({ type: "connected", attempt });
      },
      (error: unknown) => this.#failed(attempt, error),
    );
  }

  #failed(attempt: number, error: unknown): void {
    // What is not ours is what the runtime says of a socket that broke.
    const failure =
      error instanceof FastChatError
        ? error
        : new FastChatError("unreachable", "The connection to the chat server was lost.");
    const { retryAfterMs } = failure;
    this.#handle({
      type: "failed",
      attempt,
      error: failure.toRecord(),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }

  #onFrame(attempt: number, content: Uint8Array): void {
    const way = this.#ways.get(attempt);
    // A connection that was hung up brings nothing any more.
    if (way === undefined) return;
    way.heardAt = this.#ports.clock.now();
    try {
      this.#dispatch(attempt, content);
    } catch (error) {
      this.#failed(attempt, error);
    }
  }

  /** @throws FastChatError `badFrame` on what no server of this protocol sends */
  #dispatch(attempt: number, content: Uint8Array): void {
    const kind = frameKind(content);
    switch (kind) {
      case Kind.control: {
        const message = serverMessages.decode(content);
        this.#onControl(attempt, message);
        return;
      }
      case Kind.accepted:
        if (this.#isOpen(attempt)) this.#listener.onAccepted(decodeAccepted(content));
        return;
      case Kind.deliver:
        // A copy: deliveries are kept until the archive has them, and `content` is a view on a larger buffer.
        if (this.#isOpen(attempt)) this.#listener.onDeliver(decodeSend(new Uint8Array(content)));
        return;
      case Kind.send:
      case Kind.ack:
        throw new FastChatError("badFrame", "The chat server sent what only clients send.");
      case null:
        // A later version's; this one can do without.
        return;
    }
  }

  #onControl(attempt: number, message: ServerMessage): void {
    switch (message.type) {
      case "ping":
        this.#say(attempt, { type: "pong", ref: message.ref });
        return;
      case "pong":
        return;
      case "welcome":
      case "live":
      case "closing":
        this.#handle({ type: "message", attempt, message });
        return;
      case "move": {
        // A copy: the ticket is kept until there is a connection, and was read from a larger buffer.
        const ticket = new Uint8Array(message.ticket);
        this.#handle({ type: "message", attempt, message: { ...message, ticket } });
        return;
      }
      case "groupChanged":
        if (this.#isOpen(attempt)) this.#listener.onGroupChanged(message.group, message.epoch);
        return;
      case "groupEvents":
      case "groupAppended":
      case "groupEpochs":
      case "refused":
        if (this.#isOpen(attempt)) this.#listener.onGroupReply(message);
        return;
    }
  }

  /** @throws FastChatError `badFrame` where it is not */
  #isOpen(attempt: number): boolean {
    if (this.#state.phase === "open" && this.#state.attempt === attempt) return true;
    throw new FastChatError("badFrame", "The chat server spoke before its welcome.");
  }

  #say(attempt: number, message: ClientMessage): void {
    const way = this.#ways.get(attempt);
    if (way === undefined) return;
    way.spokeAt = this.#ports.clock.now();
    way.channel.send(clientMessages.encode(message));
  }

  #hangUp(attempt: number, orderly: boolean): void {
    const channel = this.#ways.get(attempt)?.channel;
    this.#ways.delete(attempt);
    if (orderly) channel?.close();
    else channel?.destroy();
  }

  #setTimer(name: TimerName, ms: number): void {
    this.#timers.get(name)?.cancel();
    const timer = this.#ports.clock.after(ms, () => {
      this.#timers.delete(name);
      if (name !== "beat") this.#handle({ type: name });
      else if (this.#way !== undefined) {
        const { heardAt, spokeAt } = this.#way;
        this.#handle({ type: "beat", heardAt, spokeAt });
      }
    });
    this.#timers.set(name, timer);
  }
}

/** The way whose connection comes about. */
function connecting(state: ConnectionState): number | null {
  if (state.phase === "connecting") return state.attempt;
  return state.phase === "open" && state.move?.step === "connecting" ? state.move.attempt : null;
}
