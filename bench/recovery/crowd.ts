/** Many devices that listen and write to each other, and what becomes of their sessions and messages. */
import type { ErrorCode } from "../../src/protocol/errors.js";
import { isRefusal } from "../../src/protocol/hot.js";
import type { SignedIn } from "../../src/protocol/http.js";
import type { AccountId, ServerId } from "../../src/protocol/ids.js";
import type { Connections } from "../service/connections.js";
import { Device } from "../service/device.js";

/** Bytes of an envelope. */
const SIZE = 512;
/** Devices that connect for the first time come so many a second. */
const ARRIVALS_PER_SECOND = 100;
const PATIENCE_MS = 120_000;

/** What happened since {@link Crowd.watch}. Times are those of `performance.now()`. */
export interface Spell {
  /** Devices that lost a session, and how often. */
  readonly downs: Map<Device, number>;
  /** When each that lost a session had everything again that it had before: a session, and what waited for it. */
  readonly backAt: Map<Device, number>;
  /** Each welcome. */
  readonly openedAt: number[];
  /** How often devices were not let in or lost something, by the code that told why. */
  readonly failures: Map<ErrorCode, number>;
  /** Devices that will not come back. */
  ended: number;
}

function newSpell(): Spell {
  return { downs: new Map(), backAt: new Map(), openedAt: [], failures: new Map(), ended: 0 };
}

export class Crowd {
  readonly devices: Device[] = [];
  #spell = newSpell();
  #waiting: (() => void)[] = [];
  #traffic: NodeJS.Timeout | null = null;
  /** Of accepted messages: sender, number and recipient. */
  readonly #accepted = new Set<string>();
  readonly #received = new Set<string>();
  #refused = 0;

  constructor(private readonly connections: Connections) {}

  /** Connects more people. @returns once all have come */
  async join(people: readonly SignedIn[]): Promise<void> {
    for (const [index, person] of people.entries()) {
      const device = this.#deviceOf(person);
      this.devices.push(device);
      device.listen();
      if (index % 10 === 9) await sleep(10_000 / ARRIVALS_PER_SECOND);
    }
    await this.whenAllLive();
  }

  /** Begins to note anew what happens. */
  watch(): Spell {
    this.#spell = newSpell();
    return this.#spell;
  }

  on(server: ServerId): Device[] {
    return this.devices.filter((device) => device.server === server);
  }

  /** Servers that somebody is connected to. */
  servers(): Set<ServerId> {
    return new Set(this.devices.flatMap(({ server }) => (server === null ? [] : [server])));
  }

  get live(): number {
    return this.devices.filter((device) => device.live).length;
  }

  /** Resolves once somebody has lost a session and everybody has one. @throws Error where some do not come back */
  async whenAllBack(): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    while (this.#spell.downs.size === 0 && performance.now() < until) await sleep(10);
    await this.whenAllLive();
  }

  /** @throws Error where some do not come */
  async whenAllLive(): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    while (this.live < this.devices.length) {
      if (performance.now() > until) {
        throw new Error(`${this.devices.length - this.live} of ${this.devices.length} did not come back`);
      }
      await Promise.race([new Promise<void>((resolve) => this.#waiting.push(resolve)), sleep(1000)]);
    }
  }

  /** Random ones write to random others, so many messages a second in all. */
  beginTraffic(perSecond: number): void {
    this.#traffic = setInterval(() => {
      for (let due = perSecond / 20; due > Math.random(); due--) this.writeSomebody(this.#somebody());
    }, 50);
  }

  /** Ends the traffic. @returns messages sent and accepted, and of those how many did not arrive */
  async endTraffic(): Promise<{ accepted: number; refused: number; lost: number }> {
    if (this.#traffic !== null) clearInterval(this.#traffic);
    await Promise.all(this.devices.map((device) => device.whenAccepted()));
    const until = performance.now() + PATIENCE_MS / 4;
    while (this.#lost() > 0 && performance.now() < until) await sleep(200);
    return { accepted: this.#accepted.size, refused: this.#refused, lost: this.#lost() };
  }

  /** Somebody of the crowd gets a message of this device, which may be a stranger to it. */
  writeSomebody(from: Device): void {
    from.send(this.#somebody().account);
  }

  close(): void {
    if (this.#traffic !== null) clearInterval(this.#traffic);
    for (const device of this.devices) device.close();
  }

  #somebody(): Device {
    return this.devices[Math.floor(Math.random() * this.devices.length)] as Device;
  }

  #lost(): number {
    let lost = 0;
    for (const one of this.#accepted) if (!this.#received.has(one)) lost++;
    return lost;
  }

  #deviceOf(person: SignedIn): Device {
    return new Device(this.connections, person, SIZE, {
      onDown: (device) => {
        const { downs, backAt } = this.#spell;
        downs.set(device, (downs.get(device) ?? 0) + 1);
        backAt.delete(device);
      },
      onOpened: () => void this.#spell.openedAt.push(performance.now()),
      onLive: (device) => {
        const { downs, backAt } = this.#spell;
        if (downs.has(device) && !backAt.has(device)) backAt.set(device, performance.now());
        for (const resolve of this.#waiting.splice(0)) resolve();
      },
      onDeliver: (device, { account, message }) => {
        this.#received.add(keyOf(account, message, device.account));
      },
      onAccepted: (device, { message, recipients }) => {
        for (const { recipient, outcome } of recipients) {
          if (isRefusal(outcome)) this.#refused++;
          else this.#accepted.add(keyOf(device.account, message, recipient));
        }
      },
      onFailed: (_device, code) => {
        const { failures } = this.#spell;
        failures.set(code, (failures.get(code) ?? 0) + 1);
      },
      onClosed: (_device, error) => {
        if (error !== null) this.#spell.ended++;
      },
    });
  }
}

function keyOf(sender: AccountId, message: string, recipient: AccountId): string {
  return `${sender} ${message} ${recipient}`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
