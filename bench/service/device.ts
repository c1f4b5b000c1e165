/**
 * A person's device without cryptography: FastChat's own session and its own ways to the service, so that it reconnects
 * exactly as people's do. It acknowledges each message at once, and keeps what it sends until that is accepted.
 */
import { Session } from "../../src/client/core/session.js";
import { systemClock, systemRandom } from "../../src/node/clock.js";
import type { ErrorCode, ErrorRecord } from "../../src/protocol/errors.js";
import { encodeAck, frameMessage, type AcceptedFrame, type SendFrame } from "../../src/protocol/hot.js";
import type { Placement, SignedIn } from "../../src/protocol/http.js";
import type { AccountId, MessageId, ServerId } from "../../src/protocol/ids.js";
import type { Connections } from "./connections.js";
import { MessageMaker } from "./message.js";

/** What a device tells. Nothing of it need be listened to. */
export interface DeviceEvents {
  /** Its session is no more. */
  onDown?(device: Device): void;
  /** A server welcomed it. */
  onOpened?(device: Device): void;
  /** All that waited for it has come. */
  onLive?(device: Device): void;
  onDeliver?(device: Device, delivery: SendFrame): void;
  onAccepted?(device: Device, accepted: AcceptedFrame): void;
  /** It was not let in, or lost what it had; it tries again by itself. */
  onFailed?(device: Device, code: ErrorCode): void;
  /** It does not come back by itself. */
  onClosed?(device: Device, error: ErrorRecord | null): void;
}

export class Device {
  readonly account: AccountId;
  /** Where it is connected; `null` while it is not. */
  server: ServerId | null = null;
  /** Whether all that waited for it has come, in the present session. */
  live = false;
  readonly #session: Session;
  readonly #messages: MessageMaker;
  /** Not accepted yet, in the order of sending. */
  readonly #outbox = new Map<MessageId, Uint8Array>();
  #number = 0;
  #idle: (() => void)[] = [];

  /** @param size bytes of an envelope */
  constructor(connections: Connections, person: SignedIn, size: number, events: DeviceEvents) {
    this.account = person.account;
    this.#messages = new MessageMaker(person.account, size);
    const place = connections.placer(person);
    const ask = async (): Promise<Placement> => place();
    const ports = { transport: connections.transport(), clock: systemClock, random: systemRandom };
    this.#session = new Session(ports, ask, {
      onOpened: (welcome) => {
        this.server = welcome.server;
        for (const frame of this.#outbox.values()) this.#session.send(frame);
        events.onOpened?.(this);
      },
      onGroupChanged: () => undefined,
      onGroupReply: () => undefined,
      onDown: () => {
        this.server = null;
        this.live = false;
        events.onDown?.(this);
      },
      onLive: () => {
        this.live = true;
        events.onLive?.(this);
      },
      onDeliver: (delivery) => {
        this.#session.send(encodeAck(delivery));
        events.onDeliver?.(this, delivery);
      },
      onAccepted: (accepted) => {
        this.#outbox.delete(accepted.message);
        events.onAccepted?.(this, accepted);
        if (this.#outbox.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
      },
      onDrain: () => {},
      onClosed: (error) => events.onClosed?.(this, error),
      onStatus: (status) => {
        if (status.kind === "offline") events.onFailed?.(this, status.error.code);
      },
      isNeeded: () => this.#outbox.size > 0,
    });
  }

  /** Messages that are not accepted yet. */
  get unaccepted(): number {
    return this.#outbox.size;
  }

  /** Connects to take deliveries, and comes back whenever it must. */
  listen(): void {
    this.#session.attach();
  }

  /** Connects only to send. */
  connect(): void {
    this.#session.need();
  }

  /** @returns its id, and its number among this device's messages, from 1 */
  send(to: AccountId): { readonly message: MessageId; readonly number: number } {
    const number = ++this.#number;
    const frame = new Uint8Array(this.#messages.next(to, number));
    const message = frameMessage(frame);
    this.#outbox.set(message, frame);
    if (!this.#session.send(frame)) this.#session.need();
    return { message, number };
  }

  /** Resolves once everything is accepted. */
  whenAccepted(): Promise<void> {
    if (this.#outbox.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  close(): void {
    this.#session.stop();
  }
}
