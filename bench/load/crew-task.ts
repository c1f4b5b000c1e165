/** A thread of simulated people: does what the run tells it over a port, and returns what it saw. */
import { OpaqueWorker } from "../../src/client/node/opaque.js";
import { ServiceTrust } from "../../src/client/node/pin.js";
import { fromBase64Url } from "../../src/protocol/bytes.js";
import { FastChatError, errorRecord } from "../../src/protocol/errors.js";
import { elapsed } from "../faults/host-messages.js";
import type { ArchiveRecord, HistoryEvent } from "../history/events.js";
import {
  NO_STATE,
  type CrewFailure,
  type CrewOrder,
  type CrewResult,
  type CrewState,
  type FromCrew,
  type ToCrew,
} from "./crew-messages.js";
import { countCrypto } from "./crypto-clock.js";
import { Latencies } from "./latencies.js";
import { Member, type Draft } from "./member.js";
import { Traffic } from "./traffic.js";

/** How often a crew tells how it is getting on, in milliseconds. */
const STATE_MS = 200;
/** People who sign up, connect or read at the same time. */
const AT_ONCE = 8;
/** How far ahead of its moment a message may be handed over, in milliseconds: what a timer can tell. */
const TIMER_MS = 1;

/** The one function of this task. @returns once it was told to read back, and has */
export async function runCrew(order: CrewOrder): Promise<CrewResult | CrewFailure> {
  const crew = new Crew(order);
  try {
    return await crew.run();
  } catch (error) {
    if (!(error instanceof FastChatError)) throw error;
    return { failed: error.toRecord() };
  } finally {
    await crew.close();
  }
}

class Crew {
  readonly #opaque = new OpaqueWorker();
  readonly #members: readonly Member[];
  readonly #byNumber: ReadonlyMap<number, Member>;
  readonly #events: HistoryEvent[] = [];
  readonly #archives: ArchiveRecord[] = [];
  readonly #endToEnd = new Latencies();
  readonly #accepted = new Latencies();
  readonly #lateness = new Latencies();
  readonly #logins = new Latencies();
  readonly #crypto = countCrypto();
  readonly #traffic = new Traffic();
  readonly #state: { -readonly [Key in keyof CrewState]: number } = { ...NO_STATE };
  readonly #timers = new Set<NodeJS.Timeout>();
  #placed: Record<string, number> = {};
  /** Measured messages are those that should have been sent from here to there. */
  #measured = { from: Infinity, to: Infinity };
  #stopped = false;

  constructor(private readonly order: CrewOrder) {
    const { plan, people, service } = order;
    const pin = service.pin === null ? null : fromBase64Url(service.pin);
    const trust = new ServiceTrust({ ...service, pin }, null, () => Promise.resolve());
    const isMeasured = (planned: number): boolean =>
      planned >= this.#measured.from && planned < this.#measured.to;
    this.#members = people.map((number) => {
      const person = plan.people[number];
      if (person === undefined) throw new Error(`the plan has no person ${number}`);
      return new Member(person, {
        trust,
        opaque: this.#opaque,
        nameOf: (person) => this.#nameOf(person),
        groupOf: (group) => this.#groupOf(group),
        traffic: this.#traffic,
        record: (event) => void this.#events.push(event),
        onSent: () => void this.#state.sent++,
        onGathered: () => void this.#state.gathered++,
        onAccepted: (planned, now, due) => {
          this.#state.answered++;
          this.#state.due += due;
          if (isMeasured(planned)) this.#accepted.record(now - planned);
        },
        onRefused: () => void this.#state.answered++,
        onReceived: (planned, now) => {
          this.#state.received++;
          // How long somebody was away by the plan is no latency.
          if (isMeasured(planned) && !person.offline) this.#endToEnd.record(now - planned);
        },
        onProblem: (text) => this.#tell({ type: "problem", text }),
      });
    });
    this.#byNumber = new Map(this.#members.map((member) => [member.plan.number, member]));
  }

  #nameOf(person: number): string {
    return this.order.prefix + (this.order.plan.people[person]?.name ?? "");
  }

  #groupOf(group: number): string {
    return this.order.prefix + (this.order.plan.groups[group]?.title ?? "");
  }

  run(): Promise<CrewResult> {
    const { port } = this.order;
    const states = setInterval(() => this.#tellState(), STATE_MS);
    return new Promise<CrewResult>((resolve, reject) => {
      let working = Promise.resolve();
      port.on("message", (message: ToCrew) => {
        // At once, whatever is going on.
        if (message.type === "stop") this.#stop();
        working = working
          .then(() => this.#obey(message))
          .then(() => {
            this.#tellState();
            this.#tell({ type: "done", what: message.type });
            if (message.type === "readBack") resolve(this.#result());
          });
        working.catch(reject);
      });
      port.on("close", () => reject(new Error("the run is gone")));
    }).finally(() => clearInterval(states));
  }

  async close(): Promise<void> {
    this.#stop();
    await Promise.all(this.#members.map((member) => member.close().catch(() => undefined)));
    await this.#opaque.close();
    this.order.port.close();
  }

  async #obey(message: ToCrew): Promise<void> {
    switch (message.type) {
      case "signUp":
        return this.#each(this.#members, async (member, index) => {
          const key = this.order.keys[index];
          if (key === undefined) throw new Error("there are fewer keys than people");
          await member.signUp(key);
          this.#state.signedUp++;
        });
      case "connect":
        await this.#connect(message.arriveMs);
        this.#placed = this.#countPlaced();
        return;
      case "gather":
        return this.#gather();
      case "begin":
        return this.#begin(message.start);
      case "stop":
        return;
      case "connectRest":
        return this.#each(this.#members, (member) => member.connect());
      case "readBack":
        return this.#each(this.#members, async (member) => {
          this.#archives.push(await member.readBack());
          this.#state.readBack++;
        });
    }
  }

  async #connect(arriveMs: number | null): Promise<void> {
    const present = this.#members.filter(({ plan }) => !plan.offline);
    if (arriveMs === null) return this.#each(present, (member) => member.connect());
    const { people } = this.order.plan;
    const began = elapsed();
    await Promise.all(
      present.map(async (member) => {
        const due = began + (arriveMs * member.plan.number) / people.length;
        await new Promise<void>((resolve) => this.#after(due - elapsed(), resolve));
        await member.logIn();
        this.#logins.record(elapsed() - due);
      }),
    );
  }

  async #gather(): Promise<void> {
    for (const [number, { members }] of this.order.plan.groups.entries()) {
      const [maker, ...others] = members;
      await this.#byNumber.get(maker ?? -1)?.gather(number, others);
    }
  }

  /** Every message and every break at its moment, whatever became of those before. */
  #begin(start: number): void {
    const { sends, breaks, measured } = this.order.plan;
    this.#measured = { from: start + measured.from, to: start + measured.to };
    const acts = [
      ...sends.flatMap(({ at, from, to, toGroup, bytes }, index) => {
        const member = this.#byNumber.get(from);
        const name = toGroup ? `#${this.#groupOf(to)}` : this.#nameOf(to);
        if (member === undefined) return [];
        return [{ at, act: () => this.#send(member, name, { index, planned: start + at, bytes }) }];
      }),
      ...breaks.flatMap(({ at, person, awayMs }) => {
        const member = this.#byNumber.get(person);
        return member === undefined ? [] : [{ at, act: () => this.#break(member, awayMs) }];
      }),
    ].sort((one, other) => one.at - other.at);
    let next = 0;
    const work = (): void => {
      const now = elapsed() - start + TIMER_MS;
      for (let act = acts[next]; act !== undefined && act.at <= now && !this.#stopped; act = acts[next]) {
        next++;
        act.act();
      }
      const coming = acts[next];
      if (coming !== undefined && !this.#stopped) this.#after(coming.at - (elapsed() - start), work);
    };
    work();
  }

  #send(member: Member, to: string, draft: Draft): void {
    const { planned } = draft;
    const lateMs = Math.max(0, elapsed() - planned);
    this.#state.lateMs = lateMs;
    if (planned >= this.#measured.from) this.#lateness.record(lateMs);
    member.send(to, draft);
  }

  #break(member: Member, awayMs: number): void {
    if (awayMs === 0) return member.drop();
    member.leave(awayMs).catch((error: unknown) => {
      this.#tell({
        type: "problem",
        text: `${member.name} could not come back: ${errorRecord(error).message}`,
      });
    });
  }

  #stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  async #each(
    members: readonly Member[],
    work: (member: Member, index: number) => Promise<void>,
  ): Promise<void> {
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let index = next++; index < members.length; index = next++) {
        await work(members[index] as Member, index);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  #countPlaced(): Record<string, number> {
    const placed: Record<string, number> = {};
    for (const { server } of this.#members) if (server !== null) placed[server] = (placed[server] ?? 0) + 1;
    return placed;
  }

  #tellState(): void {
    this.#tell({ type: "state", state: this.#stateNow(), seen: this.#traffic.seen });
  }

  #stateNow(): CrewState {
    const live = this.#members.filter(({ server }) => server !== null).length;
    return { ...this.#state, live };
  }

  #result(): CrewResult {
    return {
      events: this.#events,
      archives: this.#archives,
      endToEnd: this.#endToEnd.histogram,
      accepted: this.#accepted.histogram,
      lateness: this.#lateness.histogram,
      logins: this.#logins.histogram,
      placed: this.#placed,
      crypto: { ...this.#crypto },
    };
  }

  #after(ms: number, work: () => void): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        work();
      },
      Math.max(0, ms),
    );
    this.#timers.add(timer);
  }

  #tell(message: FromCrew): void {
    this.order.port.postMessage(message);
  }
}
