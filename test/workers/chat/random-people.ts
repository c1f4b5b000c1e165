/** People who write to each other as PROTOCOL.md ("Sending", "Receiving") says, and what they may hold the servers to. */
import { randomBytes } from "node:crypto";
import { PROTOCOL_VERSION } from "../../../src/protocol/chat.js";
import { Outcome } from "../../../src/protocol/hot.js";
import { toHex } from "../../../src/protocol/bytes.js";
import type { AccountId, MessageId, ServerId } from "../../../src/protocol/ids.js";
import { FakeClient, account, ticketOf } from "./cluster.js";
import { Chance, RandomCluster, type Sabotage } from "./random-cluster.js";

const SERVERS = ["chat-1", "chat-2", "chat-3", "chat-4"] as ServerId[];
const WINDOW = 8;
const MESSAGES = 40;
const NOBODY = account("nobody");

interface Message {
  readonly id: MessageId;
  readonly to: readonly AccountId[];
  readonly text: string;
}

/** A device: its first of an account sends, each takes deliveries if it attached. */
interface Device {
  readonly owner: Person;
  readonly sends: boolean;
  client: FakeClient | null;
  server: ServerId | null;
  /** How much of the outbox this session was given. */
  given: number;
  /** Whether this session heard of a full queue. */
  refused: boolean;
  answers: number;
  archived: number;
  acknowledged: number;
}

interface Person {
  readonly id: AccountId;
  readonly outbox: Message[];
  /** Every message ever written, in order. */
  readonly written: Message[];
  /** By recipient: what was accepted as stored or acknowledged. */
  readonly accepted: Map<AccountId, Set<string>>;
  /** Text and recipient of what was refused: a copy on its way may still arrive, and its place is not promised. */
  readonly refused: Set<string>;
  readonly archive: string[];
  readonly had: Set<string>;
}

/** Runs the schedule of one seed to its healed end; returns what is wrong, nothing if all is well. */
export async function runSchedule(
  seed: number,
  steps: number,
  sabotage: Sabotage = "none",
): Promise<string[]> {
  return new Schedule(seed, sabotage).run(steps);
}

class Schedule {
  readonly #chance: Chance;
  readonly #cluster: RandomCluster;
  readonly #people: Person[];
  readonly #devices: Device[];
  readonly #wrong: string[] = [];
  #count = 0;

  constructor(seed: number, sabotage: Sabotage) {
    this.#chance = new Chance(seed);
    const ids = ["alice", "bob", "carol"].map(account);
    this.#cluster = new RandomCluster(this.#chance, new Set(ids), sabotage);
    this.#people = ids.map((id) => ({
      id,
      outbox: [],
      written: [],
      accepted: new Map(),
      refused: new Set(),
      archive: [],
      had: new Set(),
    }));
    this.#devices = this.#people.flatMap((owner) => [newDevice(owner, true), newDevice(owner, false)]);
  }

  async run(steps: number): Promise<string[]> {
    for (const id of SERVERS.slice(0, 3)) this.#cluster.start(id);
    this.#cluster.beginView();
    for (let i = 0; i < steps; i++) {
      this.#act();
      await this.#cluster.step(0.5);
      for (const device of this.#devices) this.#hear(device);
    }
    await this.#heal();
    return [...this.#wrong, ...this.#cluster.failures];
  }

  #act(): void {
    const { store, full, clock } = this.#cluster;
    const device = this.#chance.one(this.#devices);
    switch (this.#chance.below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return this.#write(this.#chance.one(this.#people));
      case 4:
      case 5:
        if (device.client === null) this.#connect(device, this.#chance.is(0.8));
        else if (this.#chance.is(0.5)) this.#disconnect(device);
        return;
      case 6:
        if (device.client !== null) device.client.reads = false;
        return;
      case 7:
        device.client?.drain();
        return;
      case 8:
      case 9:
      case 10:
        return this.#takeIn(device, 1 + this.#chance.below(4));
      case 11:
        return this.#changeServers();
      case 12:
        store.fault = this.#chance.one(["none", "none", "none", "away", "lostAnswer"] as const);
        return;
      case 13: {
        const link = this.#chance.one(SERVERS) + this.#chance.one(SERVERS);
        if (!full.delete(link)) full.add(link);
        return;
      }
      default:
        clock.advance(this.#chance.one([100, 500, 1000, 4000]));
    }
  }

  #changeServers(): void {
    const { running } = this.#cluster;
    const id = this.#chance.one(SERVERS);
    if (!running.has(id)) this.#cluster.start(id);
    else if (running.size > 1) {
      this.#kill(id);
      if (this.#chance.is(0.4)) this.#cluster.start(id);
    }
    this.#cluster.beginView();
  }

  #kill(id: ServerId): void {
    this.#cluster.kill(id);
    for (const device of this.#devices) if (device.server === id) this.#disconnect(device);
  }

  #write(person: Person): void {
    if (person.written.length >= MESSAGES) return;
    const others = this.#people.map(({ id }) => id).filter((id) => id !== person.id);
    const to = this.#chance.is(0.3) ? others : [this.#chance.one(others)];
    if (this.#chance.is(0.05)) to.push(NOBODY);
    const message = { id: toHex(randomBytes(16)) as MessageId, to, text: `${person.id}:${this.#count++}` };
    person.written.push(message);
    person.outbox.push(message);
  }

  #connect(device: Device, attach: boolean): void {
    const server = this.#chance.one([...this.#cluster.running.values()]);
    const client = new FakeClient(device.owner.id, server.server);
    client.control({ type: "hello", version: PROTOCOL_VERSION, ticket: ticketOf(device.owner.id), attach });
    Object.assign(device, newDevice(device.owner, device.sends), { client, server: server.id });
  }

  #disconnect(device: Device): void {
    device.client?.disconnect();
    device.client = null;
    device.server = null;
  }

  /** Takes answers, and sends what the window allows. */
  #hear(device: Device): void {
    const { client, owner } = device;
    if (client === null) return;
    for (; device.answers < client.accepted.length; device.answers++) {
      const answer = client.accepted[device.answers];
      const at = owner.outbox.findIndex(({ id }) => id === answer?.message);
      const [message] = at < 0 ? [] : owner.outbox.splice(at, 1);
      if (message === undefined || answer === undefined) {
        this.#wrong.push("accepted, though not waiting for it");
        continue;
      }
      device.given--;
      for (const { recipient, outcome } of answer.recipients) {
        if (outcome === Outcome.queueFull) device.refused = true;
        this.#accepted(owner, message, recipient, outcome);
      }
    }
    if (client.closing !== undefined) this.#wrong.push(`a session was ended with ${client.closing}`);
    if (device.refused) {
      // A session that was refused something sends nothing more; the next one does.
      if (device.given === 0) this.#disconnect(device);
      return;
    }
    if (!device.sends || !client.controls.some(({ type }) => type === "welcome")) return;
    for (; device.given < Math.min(WINDOW, owner.outbox.length); device.given++) {
      const message = owner.outbox[device.given];
      if (message !== undefined) client.send(message.to, message.text, message.id);
    }
  }

  #accepted(owner: Person, { text }: Message, recipient: AccountId, outcome: Outcome): void {
    const expected = recipient === NOBODY ? [Outcome.noSuchAccount] : [Outcome.stored, Outcome.acknowledged];
    if (outcome === Outcome.queueFull) {
      owner.refused.add(text + recipient);
      return;
    }
    if (!(expected as Outcome[]).includes(outcome)) this.#wrong.push(`${text} has outcome ${outcome}`);
    if (recipient === NOBODY) return;
    const texts = owner.accepted.get(recipient) ?? new Set();
    owner.accepted.set(recipient, texts.add(text));
  }

  /** Appends deliveries to the archive in their order, and acknowledges some of what is there. */
  #takeIn(device: Device, count: number): void {
    const { client, owner } = device;
    if (client === null) return;
    const texts = client.texts.slice(device.archived, device.archived + count);
    device.archived += texts.length;
    for (const text of texts) {
      if (owner.had.has(text)) continue;
      owner.had.add(text);
      owner.archive.push(text);
    }
    const acknowledge = this.#chance.below(device.archived - device.acknowledged + 1);
    device.acknowledged += acknowledge;
    client.acknowledge(acknowledge);
  }

  async #heal(): Promise<void> {
    const { store, full } = this.#cluster;
    store.fault = "none";
    full.clear();
    await this.#cluster.settle();
    for (const device of this.#devices) {
      device.client?.drain();
      // One of each account at least takes deliveries.
      if (device.client === null || !device.sends) this.#reconnect(device);
    }
    await this.#finish();
    for (const { outbox } of this.#people) {
      for (const { text } of outbox) this.#wrong.push(`${text} was never accepted`);
    }
    this.#check();
    // What an old home committed late comes once more, to be removed.
    for (const device of this.#devices) this.#reconnect(device);
    await this.#finish();
    this.#check();
    if (store.rows > 0) this.#wrong.push(`${store.rows} rows stay for ever`);
    if (this.#cluster.unsettled > 0) this.#wrong.push(`${this.#cluster.unsettled} messages stay unsettled`);
  }

  #reconnect(device: Device): void {
    this.#disconnect(device);
    this.#connect(device, true);
  }

  async #finish(): Promise<void> {
    for (let round = 0; round < 60; round++) {
      this.#cluster.clock.advance(1000);
      await this.#cluster.settle();
      for (const device of this.#devices) {
        this.#hear(device);
        if (device.client === null) this.#reconnect(device);
        this.#takeIn(device, Infinity);
        device.client?.acknowledge();
        device.acknowledged = device.archived;
      }
      const waiting = this.#people.some(({ outbox }) => outbox.length > 0);
      if (round > 12 && !waiting && this.#cluster.store.rows === 0 && this.#cluster.unsettled === 0) return;
    }
  }

  #check(): void {
    for (const sender of this.#people) {
      for (const recipient of this.#people) {
        const sent = sender.written.filter(({ to }) => to.includes(recipient.id)).map(({ text }) => text);
        const got = recipient.archive.filter((text) => text.startsWith(`${sender.id}:`));
        if (got.some((text) => !sent.includes(text))) this.#wrong.push("something was invented");
        const place = got
          .filter((text) => !sender.refused.has(text + recipient.id))
          .map((text) => sent.indexOf(text));
        if (place.some((at, i) => i > 0 && at <= (place[i - 1] ?? -1))) {
          this.#wrong.push(
            `out of order from ${sender.id} to ${recipient.id}: ${place.map((at) => sent[at]?.slice(33)).join(" ")}`,
          );
        }
        for (const text of sender.accepted.get(recipient.id) ?? []) {
          if (!recipient.had.has(text)) this.#wrong.push(`${text} was accepted and is lost`);
        }
      }
    }
  }
}

function newDevice(owner: Person, sends: boolean): Device {
  return {
    owner,
    sends,
    client: null,
    server: null,
    given: 0,
    refused: false,
    answers: 0,
    archived: 0,
    acknowledged: 0,
  };
}
