/** One device of a simulated person: a real client in a folder of its own, that listens, and writes to its contacts. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Client } from "../../src/client/core/client.js";
import type {
  ConnectionStatus,
  HistoryEntry,
  ReceivedMessage,
  SentElsewhere,
} from "../../src/client/core/messages.js";
import type { ClientPorts, Endpoint, OpaqueClient } from "../../src/client/core/ports.js";
import { openDevice, type NodeDevice } from "../../src/client/node/device.js";
import { DeviceHome } from "../../src/client/node/home.js";
import { systemClock } from "../../src/node/clock.js";
import { fromBase64Url } from "../../src/protocol/bytes.js";
import { FastChatError, errorRecord } from "../../src/protocol/errors.js";
import type { ArchivedMessage, ArchiveRecord } from "../history/events.js";
import { conversationOf, isMessage, isPeoples, recipientsOf } from "../history/naming.js";
import type { Chance } from "../simulation/chance.js";
import { FaultyTransport, type FrameFaults } from "./faulty-transport.js";
import { Gate } from "./gate.js";
import { elapsed, type ClientBreak, type FromHost, type HostPlan, type PersonPlan } from "./host-messages.js";
import { Leader } from "./leader.js";
import type { Recorder } from "./recorder.js";

export const PASSWORD = "simulated people need no secret";
/** A send is answered some time, however long the service is away. */
const PATIENCE_MS = 3_600_000;
/** Messages that a person has unanswered before it waits. */
const MOST_WAITING = 64;
/** How long a half-open connection stays, should nobody end it, in milliseconds. */
const HELD_MS = 60_000;
const PAGE = 500;

export interface PersonContext {
  readonly host: Pick<HostPlan, "service" | "folder" | "start" | "perMinute">;
  readonly recorder: Recorder;
  readonly opaque: OpaqueClient;
  readonly chance: Chance;
  readonly tell: (message: FromHost) => void;
}

export class Person {
  waiting = 0;
  readonly #gates = new Map<number, Promise<Gate>>();
  readonly #frames: FrameFaults = { delayMs: 0, doubled: false };
  readonly #drops = new Set<() => void>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #clockOffsetMs = 0;
  #client: Client | null = null;
  #device: NodeDevice | null = null;
  #home: DeviceHome | null = null;
  #sent = 0;
  #next: NodeJS.Timeout | undefined;
  #server: string | null = null;
  #closing = false;
  readonly #leader: Leader | null;

  constructor(
    readonly plan: PersonPlan,
    private readonly context: PersonContext,
  ) {
    const { recorder, chance, tell } = context;
    const onProblem = (text: string): void => tell({ type: "problem", text });
    this.#leader =
      plan.leads === null
        ? null
        : new Leader(plan.leads, { account: plan.account, recorder, chance, onProblem });
  }

  /** Signs up, or logs in to the account of the first device, or takes the device up again. @returns once everything that waited has come */
  async begin(): Promise<void> {
    const { service, folder } = this.context.host;
    this.#home = new DeviceHome(join(folder, this.plan.name));
    const gate = await this.#gateOf(service);
    const device = await openDevice({
      home: this.#home,
      address: { ...gate, pin: fromBase64Url(service.pin) },
      onFirstUse() {},
      opaque: this.context.opaque,
    });
    this.#device = device;
    const ports = {
      ...device.ports,
      transport: new FaultyTransport(device.ports.transport, this.#frames, (endpoint) =>
        this.#gateOf(endpoint),
      ),
      clock: { ...systemClock, now: () => Date.now() + this.#clockOffsetMs },
    };
    const options = { acceptWeakStretching: true, sendPatienceMs: PATIENCE_MS };
    const { name, account } = this.plan;
    this.#client = await Client.resume(ports, options).catch((error: unknown) => {
      if (!(error instanceof FastChatError && error.code === "notSignedIn")) throw error;
      const credentials = { name: account, password: PASSWORD, deviceLabel: name };
      return name === account
        ? Client.register(ports, { ...credentials, rsaBits: 2048 }, options)
        : Client.login(ports, credentials, options);
    });
    await this.#listen(this.#client);
  }

  /** Makes the group that this device leads. */
  async gather(): Promise<void> {
    if (this.#client !== null) await this.#leader?.gather(this.#client);
  }

  /** Starts or stops writing, and changing groups. */
  send(sending: boolean): void {
    clearTimeout(this.#next);
    this.#next = undefined;
    this.#leader?.lead(sending ? this.#client : null);
    if (sending) this.#sendLater();
  }

  break(what: ClientBreak): void {
    switch (what.do) {
      case "cutSockets":
        return void this.#strike((gate) => gate.cut(what.bytes));
      case "halfOpen":
        return void this.#strike((gate) => {
          const { held, drop } = gate.hold();
          this.#drops.add(drop);
          this.#after(HELD_MS, drop);
          return held;
        });
      case "stopReading":
        void this.#eachGate((gate) => gate.stall(true));
        return this.#after(what.ms, () => void this.#eachGate((gate) => gate.stall(false)));
      case "doubleFrames":
        this.#frames.doubled = true;
        return this.#after(what.ms, () => (this.#frames.doubled = false));
      case "delayFrames":
        this.#frames.delayMs = what.delayMs;
        return this.#after(what.ms, () => (this.#frames.delayMs = 0));
      case "jumpClientClocks":
        this.#clockOffsetMs = what.offsetMs;
        return;
      case "flood":
        for (let i = 0; i < what.messages; i++) this.#write(what.to, what.bytes);
        return;
    }
  }

  heal(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const drop of this.#drops) drop();
    this.#drops.clear();
    this.#frames.doubled = false;
    this.#frames.delayMs = 0;
    this.#clockOffsetMs = 0;
    void this.#eachGate((gate) => gate.stall(false));
  }

  /** Files in the outbox. */
  async outbox(): Promise<number> {
    return (await this.#home?.storage.list("outbox-"))?.length ?? 0;
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.send(false);
    this.heal();
    await this.#client?.close();
    await this.#device?.close();
    await this.#eachGate((gate) => gate.close());
  }

  /**
   * Everything that stands in the archive: as a device shows it that was never there before, unless this is a second one,
   * and as this one shows it.
   */
  async readBack(): Promise<ArchiveRecord[]> {
    const { name, account } = this.plan;
    const options = { acceptWeakStretching: true };
    const credentials = { name: account, password: PASSWORD, deviceLabel: "read back" };
    const records: ArchiveRecord[] = [];
    if (name === account) {
      const entries = await this.#readAll(`${name}-again`, (ports) =>
        Client.login(ports, credentials, options),
      );
      records.push({ account, device: null, entries });
    }
    const entries = await this.#readAll(name, (ports) => Client.resume(ports, options));
    records.push({ account, device: name, entries });
    return records;
  }

  async #readAll(home: string, open: (ports: ClientPorts) => Promise<Client>): Promise<ArchivedMessage[]> {
    const { service, folder } = this.context.host;
    const device = await openDevice({
      home: new DeviceHome(join(folder, home)),
      address: { ...service, pin: fromBase64Url(service.pin) },
      onFirstUse() {},
      opaque: this.context.opaque,
    });
    try {
      const client = await open(device.ports);
      const pages: HistoryEntry[][] = [];
      for (let more = true; more;) {
        const before = pages.at(-1)?.[0]?.counter;
        const page = await client.history({ limit: PAGE, ...(before === undefined ? {} : { before }) });
        pages.push(page);
        more = page.length === PAGE;
      }
      await client.close();
      return pages.reverse().flat().filter(isMessage).map(archived);
    } finally {
      await device.close();
    }
  }

  async #listen(client: Client): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      client
        .listen({
          onMessage: (message) => this.#received(message),
          onSent: (message) => this.#mirrored(message),
          catchesUp: true,
          onLive: resolve,
          onStatus: (status) => this.#onStatus(status),
        })
        .then(({ done }) => done)
        .then(
          () => this.#ended(null, reject),
          (error: unknown) => this.#ended(error, reject),
        );
    });
  }

  #ended(error: unknown, reject: (error: unknown) => void): void {
    if (this.#closing) return;
    const reason = error === null ? "without a reason" : `with ${errorRecord(error).message}`;
    const text = `${this.plan.name} stopped listening ${reason}`;
    this.context.tell({ type: "problem", text });
    reject(new Error(text));
  }

  #onStatus(status: ConnectionStatus): void {
    const { tell } = this.context;
    const person = this.plan.number;
    if (status.kind === "live") {
      this.#server = status.server;
      tell({ type: "live", person, at: elapsed(), server: status.server });
    } else if (status.kind === "offline") {
      const why = `${status.error.message} Again in ${status.retryMs} ms.`;
      tell({ type: "offline", person, at: elapsed(), server: this.#server ?? "", why });
      this.#server = null;
    } else if (status.kind === "keyChanged") {
      tell({ type: "problem", text: `${this.plan.name} was shown another key of ${status.name}` });
    }
  }

  #received({ from, text }: ReceivedMessage): void {
    if (!isPeoples(text)) return;
    const { name, account } = this.plan;
    this.context.recorder.write({
      type: "received",
      account,
      device: name,
      start: this.context.host.start,
      sender: from,
      message: nameIn(text),
      digest: digestOf(text),
    });
  }

  #mirrored({ text }: SentElsewhere): void {
    if (!isPeoples(text)) return;
    const { name, account } = this.plan;
    const { start } = this.context.host;
    this.context.recorder.write({
      type: "mirrored",
      account,
      device: name,
      start,
      message: nameIn(text),
      digest: digestOf(text),
    });
  }

  #sendLater(): void {
    const { chance, host } = this.context;
    // As calls come in at an exchange: at any time, whatever came before.
    const ms = (-Math.log(1 - chance.next()) * 60_000) / host.perMinute;
    this.#next = setTimeout(() => {
      this.#sendLater();
      if (this.waiting < MOST_WAITING) this.#write(chance.one(this.plan.contacts), chance.below(600));
    }, ms);
  }

  #write(to: string, bytes: number): void {
    const { chance, recorder, host } = this.context;
    const { name, account } = this.plan;
    const client = this.#client;
    // It is being started.
    if (client === null) return;
    const message = `${name}.${host.start}#${++this.#sent}`;
    const text = `${message} ${Buffer.from(chance.bytes(Math.ceil(bytes / 2))).toString("hex")}`;
    // Before the client has it: what a kill leaves unwritten was never sent.
    recorder.write({
      type: "sent",
      device: name,
      account,
      conversation: conversationOf(account, to),
      message,
      recipients: recipientsOf(to),
      digest: digestOf(text),
    });
    this.waiting += 1;
    client.send(to, text).then(
      ({ missed }) => {
        this.waiting -= 1;
        recorder.write({ type: "accepted", message, refused: missed });
      },
      (error: unknown) => {
        this.waiting -= 1;
        this.#notAccepted(message, error);
      },
    );
  }

  #notAccepted(message: string, error: unknown): void {
    if (this.#closing) return;
    const { code, message: reason } = errorRecord(error);
    switch (code) {
      case "queueFull":
      case "noSuchAccount":
      // Whoever is not in a group, or has not heard of it yet.
      case "forbidden":
      case "noSuchGroup":
        return this.context.recorder.write({ type: "refused", message, code });
      // The recipient's card could not be looked up: the client never took the message.
      case "unreachable":
      case "unavailable":
      case "timeout":
        return;
      default:
        this.context.tell({ type: "problem", text: `${message} was not accepted: ${reason}` });
    }
  }

  async #strike(how: (gate: Gate) => number): Promise<void> {
    let sockets = 0;
    const at = elapsed();
    await this.#eachGate((gate) => {
      sockets += how(gate);
    });
    this.context.tell({ type: "struck", person: this.plan.number, at, sockets });
  }

  async #eachGate(work: (gate: Gate) => void): Promise<void> {
    for (const gate of [...this.#gates.values()]) work(await gate);
  }

  async #gateOf({ host, port }: Endpoint): Promise<Endpoint> {
    const gate = this.#gates.get(port) ?? Gate.open({ host, port });
    this.#gates.set(port, gate);
    return { host: "127.0.0.1", port: (await gate).port };
  }

  #after(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }
}

function archived({ id, from, to, text, direction, counter }: HistoryEntry): ArchivedMessage {
  const shown = direction === "sent" || direction === "received";
  return {
    message: shown ? nameIn(text) : `${direction} entry ${counter} (${id ?? "without an id"})`,
    sender: from,
    conversation: conversationOf(from, to),
    digest: digestOf(text),
  };
}

/** Every text begins with its message's name. */
function nameIn(text: string): string {
  return text.split(" ", 1)[0] ?? "";
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
