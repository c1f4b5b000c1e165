/** A person at one device of an account, who writes and reads by the client's core, and remembers what it said. */
import { Client } from "../../src/client/core/client.js";
import type { HistoryEntry } from "../../src/client/core/messages.js";
import { MAX_ENTRIES } from "../../src/protocol/archive.js";
import { errorRecord, type ErrorCode } from "../../src/protocol/errors.js";
import { isRefusal, Outcome, type AcceptedFrame } from "../../src/protocol/hot.js";
import type { AccountId, MessageId } from "../../src/protocol/ids.js";
import type { ArchiveRecord, HistoryEvent } from "../history/events.js";
import { conversationOf, isMessage, isPeoples, recipientsOf } from "../history/naming.js";
import { groupName } from "./group-changes.js";
import { Device, type DeviceOptions } from "./device.js";

export const PASSWORD = "correct horse battery staple";
const OPTIONS = { acceptWeakStretching: true };
/** What the client says of a message that it will send by itself. */
const KEPT = "is kept on this device";
/** How long a person waits before writing something again, in milliseconds, and how often. */
const RETRY_MS = 2000;
const MOST_TRIES = 20;
/** How long a person takes to start a client again that ended, in milliseconds. */
const RESTART_MS = 1000;

/** What the client says of a message that it will not send, or that is refused for good. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  "queueFull",
  "noSuchAccount",
  "tooLarge",
  "badRequest",
  "forbidden",
]);

/** Where a person's doings are written down. */
export interface Record {
  readonly events: HistoryEvent[];
  now(): number;
  /** Something that the client must not do. */
  onFault(name: string, what: string): void;
}

export interface WireAnswer {
  readonly at: number;
  /** By all recipients. */
  readonly refused: boolean;
  readonly refusing: readonly AccountId[];
  readonly toGroup: boolean;
}

export class Person {
  readonly device: Device;
  /** Texts that were to be sent while no client ran. */
  readonly #wishes: { readonly to: string; readonly text: string }[] = [];
  /** What the wire said of messages, by the ids that the service knows them by. */
  readonly wireAnswers = new Map<MessageId, WireAnswer>();
  readonly wireSent = new Set<MessageId>();
  /** Sends that the client has not answered. */
  readonly open = new Set<string>();
  #account: AccountId | null = null;
  #listening = false;

  /**
   * @param name the device's
   * @param user whose it is: a user name, and the name of the account's first device
   */
  constructor(
    readonly name: string,
    readonly user: string,
    options: Omit<DeviceOptions, "name" | "tap">,
    private readonly record: Record,
  ) {
    this.device = new Device({
      ...options,
      name,
      tap: {
        onSend: (message) => void this.wireSent.add(message),
        onAccepted: (accepted) => this.#acceptedOnWire(accepted),
      },
    });
  }

  get account(): AccountId {
    if (this.#account === null) throw new Error(`${this.name} has no account yet`);
    return this.#account;
  }

  get client(): Client | null {
    return this.device.process?.client ?? null;
  }

  /** What is to be sent and was not answered, here or where there was no client to tell. */
  get unanswered(): number {
    return this.open.size + this.#wishes.length;
  }

  /** Whether a listening client runs. */
  get listening(): boolean {
    return this.#listening && this.client !== null;
  }

  /** Makes the account, or signs in to that of the first device, in a process that goes on running. */
  async signIn(): Promise<void> {
    const process = this.device.start();
    const credentials = { name: this.user, password: PASSWORD, deviceLabel: this.name };
    const client =
      this.name === this.user
        ? await Client.register(process.ports, { ...credentials, rsaBits: 2048 }, OPTIONS)
        : await Client.login(process.ports, credentials, OPTIONS);
    this.#account = client.me.account;
    process.client = client;
  }

  /** Starts a process that goes on with what the device remembers, and listens. */
  async start(): Promise<void> {
    const process = this.device.start();
    const client = await Client.resume(process.ports, OPTIONS);
    process.client = client;
    await this.listen();
  }

  /** Takes deliveries, and sends what waits for a client. */
  async listen(): Promise<void> {
    const { client } = this;
    const { process } = this.device;
    if (client === null || process === null) return;
    const shown = { account: this.user, device: this.name, start: process.run };
    const listening = await client.listen({
      onMessage: ({ from, text }) => {
        if (!isPeoples(text)) return;
        this.record.events.push({
          type: "received",
          at: this.record.now(),
          ...shown,
          sender: from,
          message: text,
          digest: text,
        });
      },
      catchesUp: true,
      onSent: ({ text }) => {
        if (!isPeoples(text)) return;
        this.record.events.push({
          type: "mirrored",
          at: this.record.now(),
          ...shown,
          message: text,
          digest: text,
        });
      },
    });
    this.#listening = true;
    const ended = (error: Error | null): void => {
      if (this.device.process !== process) return;
      this.#listening = false;
      if (error !== null) this.#listeningFailed(error);
    };
    listening.done.then(
      () => ended(null),
      (error: Error) => ended(error),
    );
    for (const { to, text } of this.#wishes.splice(0)) this.say(to, text);
  }

  kill(): void {
    this.device.kill();
    this.#listening = false;
    this.open.clear();
  }

  /** Starts a process where none runs, without waiting for it. */
  revive(): void {
    if (this.device.process !== null) return;
    this.start().catch((error: unknown) => {
      this.record.onFault(this.name, `the client did not start: ${String(error)}`);
    });
  }

  /** Sends a text, which must be unlike any other, or remembers to as soon as a client runs. */
  say(to: string, text: string): void {
    const { client } = this;
    const { process } = this.device;
    if (client === null) {
      this.#wishes.push({ to, text });
      return;
    }
    const { record } = this;
    const { events } = record;
    const now = (): number => record.now();
    events.push({
      type: "sent",
      at: now(),
      device: this.name,
      account: this.user,
      conversation: conversationOf(this.user, to),
      message: text,
      recipients: recipientsOf(to),
      digest: text,
    });
    this.open.add(text);
    const answered = (event: HistoryEvent | null): void => {
      if (this.device.process !== process) return;
      this.open.delete(text);
      if (event !== null) events.push(event);
    };
    client.send(to, text).then(
      ({ missed }) => answered({ type: "accepted", at: now(), message: text, refused: missed }),
      (error: unknown) => {
        const { code, message } = errorRecord(error);
        if (REFUSALS.has(code)) return answered({ type: "refused", at: now(), message: text, code });
        answered(null);
        // What the client does not keep, a person writes again: it is another message then.
        if (!message.includes(KEPT) && this.device.process === process) this.#writeAgain(to, text);
      },
    );
  }

  /** The whole history, oldest first, as another device of the account reads it that knows nothing but the password. */
  async archive(options: Omit<DeviceOptions, "name" | "tap">): Promise<HistoryEntry[]> {
    const tap = { onSend: () => undefined, onAccepted: () => undefined };
    const device = new Device({ ...options, name: `${this.name}'s other`, tap });
    const { ports } = device.start();
    const credentials = { name: this.user, password: PASSWORD, deviceLabel: "reader" };
    const client = await Client.login(ports, credentials, OPTIONS);
    const entries = await wholeHistory(client);
    await client.close();
    device.kill();
    return entries;
  }

  #writeAgain(to: string, text: string): void {
    const [, written = text, times = "1"] = /^(.*) again (\d+)$/.exec(text) ?? [];
    if (Number(times) > MOST_TRIES) return;
    const again = `${written} again ${Number(times) + 1}`;
    this.open.add(again);
    const { process } = this.device;
    this.device.options.clock.after(RETRY_MS, () => {
      if (this.device.process !== process) return;
      this.open.delete(again);
      this.say(to, again);
    });
  }

  /** A client whose disk is full ends, and is started again by whoever uses it. */
  #listeningFailed(error: Error): void {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") {
      this.record.onFault(this.name, `listening ended: ${error.message}`);
      return;
    }
    this.kill();
    this.device.options.clock.after(RESTART_MS, () => this.revive());
  }

  #acceptedOnWire({ message, recipients, epoch }: AcceptedFrame): void {
    if (recipients.some(({ outcome }) => outcome === Outcome.staleEpoch)) {
      // No answer to the message: it is sealed for the members of now, and goes again, unless its sender is none of them.
      if (!this.wireAnswers.has(message)) this.wireSent.delete(message);
      return;
    }
    // To a group it may be sent once more after a crash, and then goes to those who are in it by then: the last answer counts.
    if (epoch === 0 && this.wireAnswers.has(message)) return;
    const refusing = recipients.filter(({ outcome }) => isRefusal(outcome)).map(({ recipient }) => recipient);
    const refused = refusing.length === recipients.length;
    this.wireAnswers.set(message, { at: this.record.now(), refused, refusing, toGroup: epoch > 0 });
  }
}

export async function wholeHistory(client: Client): Promise<HistoryEntry[]> {
  const entries: HistoryEntry[] = [];
  for (let before: number | undefined; ;) {
    const page = await client.history({ limit: MAX_ENTRIES, ...(before === undefined ? {} : { before }) });
    entries.unshift(...page);
    before = page[0]?.counter;
    if (page.length < MAX_ENTRIES || before === undefined) return entries;
  }
}

/** What stands in a history, as the checker takes it. Entries that are not messages, or not whole, count as invented. */
export function archiveRecord(
  account: string,
  device: string | null,
  entries: readonly HistoryEntry[],
): ArchiveRecord {
  return {
    account,
    device,
    entries: entries.filter(isMessage).map(({ id, from, to, text, direction, group }) => {
      const whole = direction === "sent" || direction === "received";
      return {
        message: whole ? text : `${direction} ${id}`,
        sender: from,
        conversation: conversationOf(from, group === null ? to : groupName(group.id)),
        digest: text,
      };
    }),
  };
}
