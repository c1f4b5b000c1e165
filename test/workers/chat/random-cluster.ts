/**
 * Chat servers whose links, store and views take their time as a seed decides: messages of one pair of servers keep
 * their order, and nothing else does.
 */
import { randomBytes } from "node:crypto";
import { MemoryDeliveries } from "../../../bench/simulation/memory-deliveries.js";
import { MemoryGroups } from "../../../bench/simulation/memory-groups.js";
import { VirtualClock } from "../../../bench/simulation/virtual-clock.js";
import { toHex } from "../../../src/protocol/bytes.js";
import type { AccountId, DeviceId, Incarnation, ServerId } from "../../../src/protocol/ids.js";
import type { LinkMessage } from "../../../src/protocol/link.js";
import type { Log } from "../../../src/protocol/runtime.js";
import type { View } from "../../../src/protocol/view.js";
import type { DeliveryStore, WriteBatch } from "../../../src/store/deliveries.js";
import { ChatServer } from "../../../src/workers/chat/chat-server.js";
import { config, copy } from "./cluster.js";

/** Mulberry32: a small generator of 32 bits of state. */
export class Chance {
  constructor(private state: number) {}

  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  below(count: number): number {
    return Math.floor(this.next() * count);
  }
  is(probability: number): boolean {
    return this.next() < probability;
  }
  one<T>(all: readonly T[]): T {
    return all[this.below(all.length)] as T;
  }
}

/** How a server is broken on purpose, to show that the checks see it. */
export type Sabotage = "none" | "liesAboutCommits" | "skipsPrepare";

interface Pair {
  readonly from: Running;
  readonly to: Running;
  readonly queue: LinkMessage[];
}
export interface Running {
  readonly id: ServerId;
  readonly incarnation: Incarnation;
  readonly server: ChatServer;
  alive: boolean;
}
/** What the supervisor has told a server, and it has not heard yet. */
interface Told {
  readonly to: Running;
  readonly what: "prepare" | "activate";
  readonly view: View;
}
interface Change {
  readonly view: View;
  readonly members: readonly Running[];
  readonly prepared: Set<Running>;
}

export class RandomCluster {
  readonly clock = new VirtualClock();
  readonly store: MemoryDeliveries;
  readonly running = new Map<ServerId, Running>();
  readonly full = new Set<string>();
  readonly failures: string[] = [];
  #pairs: Pair[] = [];
  #soon: { owner: Incarnation; callback: () => void }[] = [];
  /** Calls of the store that wait for their turn, before or after they are done. */
  #calls: (() => void)[] = [];
  #change: Change | null = null;
  /** In order for each server. */
  #told: Told[] = [];
  #viewNumber = 0;
  #healing = false;

  constructor(
    readonly chance: Chance,
    accounts: ReadonlySet<AccountId>,
    private readonly sabotage: Sabotage,
  ) {
    this.store = new MemoryDeliveries((id) => accounts.has(id));
  }

  start(id: ServerId): void {
    const incarnation = toHex(randomBytes(16)) as Incarnation;
    const server = new ChatServer({
      id,
      incarnation,
      limits: {
        ...config.limits,
        catchUpWindow: 4,
        heldPerMailbox: this.chance.one([4, 16]),
        pendingPerAccount: this.chance.one([6, 1000]),
        idleMailboxes: 1,
        writeBatchRows: 3,
        sendWindow: 8,
      },
      timeouts: { ...config.timeouts, idleMs: 1e9, ackMs: 3000 },
      store: this.#storeOf(() => member),
      groups: new MemoryGroups(),
      link: {
        send: (to, message) => {
          const pair = this.#pairs.find((one) => one.from === member && one.to.id === to && one.to.alive);
          pair?.queue.push(copy(message));
        },
        full: (to) => this.full.has(id + to),
        peers: () => [],
      },
      clock: {
        now: () => this.clock.now(),
        after: (ms, callback) => this.clock.after(ms, () => (member.alive ? callback() : undefined)),
      },
      random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
      log: this.#log(),
      soon: (callback) => {
        if (member.alive) this.#soon.push({ owner: incarnation, callback });
      },
      tellBalancer() {},
      tickets: {
        async verify(ticket) {
          const text = toHex(ticket);
          const [account, device] = [text.slice(0, 32) as AccountId, text.slice(32) as DeviceId];
          return { account, device, server: id, incarnation, expiresAt: 0, nonce: new Uint8Array(16) };
        },
      },
    });
    const member: Running = { id, incarnation, server, alive: true };
    for (const other of this.running.values()) {
      this.#pairs.push({ from: member, to: other, queue: [] }, { from: other, to: member, queue: [] });
    }
    this.running.set(id, member);
  }

  /** A thread that is killed: what is on its way from and to it is lost. */
  kill(id: ServerId): void {
    const member = this.running.get(id);
    if (member === undefined) return;
    member.alive = false;
    this.running.delete(id);
    this.#pairs = this.#pairs.filter(({ from, to }) => from !== member && to !== member);
    this.#soon = this.#soon.filter(({ owner }) => owner !== member.incarnation);
    for (const other of this.running.values()) other.server.peerGone(id);
  }

  /** As the supervisor does it: one that is being prepared is given up. */
  beginView(): void {
    const members = [...this.running.values()];
    const view = {
      number: ++this.#viewNumber,
      members: members.map(({ id, incarnation }) => ({ id, incarnation })),
    };
    this.#change = { view, members, prepared: new Set() };
    for (const to of members) this.#told.push({ to, what: "prepare", view });
  }

  /** Some of what could happen next, without time passing. */
  async step(share: number): Promise<void> {
    for (const { callback } of this.#soon.splice(0)) callback();
    this.#stepView(share);
    const pairs = this.#pairs.filter(({ queue }) => queue.length > 0 && this.chance.is(share));
    for (const { from, to, queue } of pairs) {
      const count = share === 1 ? queue.length : 1 + this.chance.below(queue.length);
      for (const message of queue.splice(0, count)) if (to.alive) to.server.linkMessage(from.id, message);
    }
    for (const call of this.#calls.splice(0)) {
      if (this.chance.is(share)) call();
      else this.#calls.push(call);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Everything that can happen without time passing. */
  async settle(): Promise<void> {
    this.#healing = true;
    for (let quiet = 0; quiet < 3;) {
      await this.step(1);
      const work =
        this.#soon.length + this.#calls.length + this.#told.length + (this.#change === null ? 0 : 1);
      quiet = work === 0 && this.#pairs.every(({ queue }) => queue.length === 0) ? quiet + 1 : 0;
    }
    this.#healing = false;
  }

  get unsettled(): number {
    return [...this.running.values()].reduce(
      (sum, { server }) => sum + server.report({ loopDelayP99Ms: 0, utilization: 0 }).unsettled,
      0,
    );
  }

  #stepView(share: number): void {
    const later: Told[] = [];
    for (const one of this.#told) {
      if (later.some(({ to }) => to === one.to) || !this.chance.is(share)) later.push(one);
      else if (one.to.alive) this.#tell(one);
    }
    this.#told = later;
    const change = this.#change;
    if (change === null) return;
    if (change.prepared.size < change.members.length) {
      // Half the time for preparing passes: the writer's batch is not waited for any longer.
      if (this.#healing || this.chance.is(0.1)) this.clock.advance(config.timeouts.prepareMs / 2);
      return;
    }
    this.#change = null;
    for (const to of change.members) this.#told.push({ to, what: "activate", view: change.view });
  }

  #tell({ to, what, view }: Told): void {
    if (what === "activate") return to.server.activate(view);
    const change = this.#change;
    const prepared = () => {
      if (change?.view === view) change.prepared.add(to);
    };
    if (this.sabotage === "skipsPrepare") prepared();
    else void to.server.prepare(view).then(prepared);
  }

  #storeOf(member: () => Running): DeliveryStore {
    const call = async <T>(done: () => Promise<T>): Promise<T> => {
      await this.#turn();
      const outcome = done().then(
        (value) => () => value,
        (error: unknown) => () => {
          throw error;
        },
      );
      const answer = await outcome;
      await this.#turn();
      // Nobody is left to hear the answer.
      if (!member().alive) return new Promise<T>(() => undefined);
      return answer();
    };
    const { store } = this;
    return {
      write: (batch: WriteBatch) => {
        if (this.sabotage !== "liesAboutCommits") return call(() => store.write(batch));
        const nothing = { repeated: false };
        void call(() => (this.chance.is(0.3) ? Promise.resolve(nothing) : store.write(batch))).catch(
          () => undefined,
        );
        return Promise.resolve(nothing);
      },
      read: (...page) => call(() => store.read(...page)),
      pending: (recipients) => call(() => store.pending(recipients)),
      sweep: (limit) => call(() => store.sweep(limit)),
    };
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#calls.push(resolve));
  }

  #log(): Log {
    return {
      debug() {},
      info() {},
      warn() {},
      error: (fields) => void this.failures.push(JSON.stringify(fields)),
    };
  }
}
