/** Time that passes only when it is told to, so that a test or a simulation decides what happens before what. */
import type { Clock, Timer } from "../../src/protocol/runtime.js";

interface Alarm {
  readonly at: number;
  readonly order: number;
  /** `null` once it is cancelled. */
  callback: (() => void) | null;
}

export class VirtualClock implements Clock {
  #now: number;
  #order = 0;
  #underWay = 0;
  /** A binary heap: no alarm comes before the one at half its place. */
  readonly #alarms: Alarm[] = [];

  /** @param start milliseconds since 1970 */
  constructor(start = 1_700_000_000_000) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): Timer {
    const alarm: Alarm = { at: this.#now + Math.max(0, ms), order: this.#order++, callback };
    this.#push(alarm);
    return { cancel: () => void (alarm.callback = null) };
  }

  /** As {@link after}, for something that is on its way and will arrive by itself. */
  arrive(ms: number, callback: () => void): void {
    this.#underWay++;
    this.after(ms, () => {
      this.#underWay--;
      callback();
    });
  }

  /** How much is on its way, by {@link arrive}. */
  get underWay(): number {
    return this.#underWay;
  }

  /** When the next timer fires, in milliseconds since 1970; `null` where there is none. */
  get nextAt(): number | null {
    return this.#next()?.at ?? null;
  }

  /** Lets time pass until the next timer, and fires that one. @returns false where there is none */
  fireNext(): boolean {
    const alarm = this.#next();
    if (alarm === null) return false;
    this.#pop();
    this.#now = Math.max(this.#now, alarm.at);
    alarm.callback?.();
    return true;
  }

  /** Lets so many milliseconds pass; timers fire in the order of their times, those of one time in that of their making. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.nextAt; next !== null && next <= end; next = this.nextAt) this.fireNext();
    this.#now = end;
  }

  /** Lets time pass as for a machine that sleeps: what is due meanwhile fires when it wakes, late. */
  sleep(ms: number): void {
    this.#now += ms;
    this.advance(0);
  }

  #next(): Alarm | null {
    while (this.#alarms[0]?.callback === null) this.#pop();
    return this.#alarms[0] ?? null;
  }

  #push(alarm: Alarm): void {
    const heap = this.#alarms;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Alarm;
      if (!isBefore(alarm, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = alarm;
  }

  #pop(): void {
    const heap = this.#alarms;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Alarm)) child++;
      const below = heap[child];
      if (below === undefined || !isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Alarm, other: Alarm): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
