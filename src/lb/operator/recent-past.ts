/** The last minutes of every server, a sample a second, and the last events: bounded both, and lost with the balancer. */
import type { LoadEvent, LoadSample, RecentLoad } from "../../protocol/operator.js";
import type { Clock, Timer } from "../../protocol/runtime.js";
import type { ThreadStatus } from "../../protocol/threads.js";
import { changesOf, type NewEvent } from "./fleet-changes.js";
import { evennessOf, serverStates, type StateSources } from "./server-states.js";

export interface RecentPastOptions extends StateSources {
  /** The time of day, by which samples and events are dated. */
  readonly dates: Clock;
  /** How often a sample is taken, in milliseconds. */
  readonly everyMs: number;
}

/** A quarter of an hour, at one a second. */
export const MOST_SAMPLES = 900;
export const MOST_EVENTS = 200;

/** Moves that go on are told of once in so many samples. */
const MOVES_SAMPLES = 10;

export class RecentPast {
  readonly #samples: LoadSample[] = [];
  readonly #events: LoadEvent[] = [];
  #threads: readonly ThreadStatus[];
  /** By server: sessions that were asked to go and have not been told of yet. */
  readonly #leaving = new Map<string, { sessions: number; samples: number; goesOn: boolean }>();
  #latest: number;
  #timer: Timer;

  constructor(private readonly options: RecentPastOptions) {
    const { fleet } = options;
    this.#threads = fleet.threads;
    // Behind whatever a balancer before this one has told.
    this.#latest = Math.round(options.dates.now());
    fleet.onChange(() => this.#threadsOnChange());
    this.#timer = this.#nextTick();
  }

  /** Sessions of a server were asked to go to another one. Those that follow each other are told of together. */
  moved(server: string, sessions: number): void {
    const leaving = this.#leaving.get(server);
    if (leaving === undefined) this.#leaving.set(server, { sessions, samples: 0, goesOn: true });
    else {
      leaving.sessions += sessions;
      leaving.goesOn = true;
    }
  }

  /** @param since `until` of the last answer; everything if not given */
  since(since = -Infinity): RecentLoad {
    return {
      until: this.#latest,
      samples: after(this.#samples, since),
      events: after(this.#events, since),
    };
  }

  close(): void {
    this.#timer.cancel();
  }

  #nextTick(): Timer {
    const { clock, everyMs } = this.options;
    return clock.after(everyMs, () => {
      this.#tellOfMoves();
      this.#sample();
      this.#timer = this.#nextTick();
    });
  }

  #sample(): void {
    const servers = serverStates(this.options);
    push(this.#samples, MOST_SAMPLES, {
      at: this.#date(),
      servers: servers.map(({ id, state, connections, messagesPerSecond, bytesPerSecond, loopDelayMs }) => ({
        id,
        state,
        connections,
        messagesPerSecond: tenths(messagesPerSecond),
        bytesPerSecond: Math.round(bytesPerSecond),
        loopDelayMs: tenths(loopDelayMs),
      })),
      evenness: evennessOf(this.options, servers),
    });
  }

  #tellOfMoves(): void {
    for (const [server, leaving] of this.#leaving) {
      if (leaving.goesOn && ++leaving.samples < MOVES_SAMPLES) {
        leaving.goesOn = false;
        continue;
      }
      this.#leaving.delete(server);
      const { sessions } = leaving;
      const told = sessions === 1 ? "1 session leaves" : `${sessions} sessions leave`;
      this.#note({ kind: "moved", thread: server, text: `${told} ${server} for other servers` });
    }
  }

  #threadsOnChange(): void {
    const before = this.#threads;
    this.#threads = this.options.fleet.threads;
    for (const event of changesOf(before, this.#threads)) this.#note(event);
  }

  #note(event: NewEvent): void {
    push(this.#events, MOST_EVENTS, { at: this.#date(), ...event });
  }

  /** No two have the same date, so that whoever asks for what came since misses nothing. */
  #date(): number {
    this.#latest = Math.max(Math.round(this.options.dates.now()), this.#latest + 1);
    return this.#latest;
  }
}

function push<T>(ring: T[], most: number, item: T): void {
  ring.push(item);
  if (ring.length > most) ring.shift();
}

function after<T extends { readonly at: number }>(items: readonly T[], since: number): T[] {
  return items.slice(items.findLastIndex(({ at }) => at <= since) + 1);
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
