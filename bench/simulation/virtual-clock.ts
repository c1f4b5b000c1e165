/** Time that passes only when it is told to, so that a test or a simulation decides what happens before what. */
import type { Clock, Timer } from "../../src/protocol/runtime.js";

interface Alarm {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

export class VirtualClock implements Clock {
  #now: number;
  #order = 0;
  readonly #alarms = new Set<Alarm>();

  /** @param start milliseconds since 1970 */
  constructor(start = 1_700_000_000_000) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): Timer {
    const alarm = { at: this.#now + ms, order: this.#order++, callback };
    this.#alarms.add(alarm);
    return { cancel: () => void this.#alarms.delete(alarm) };
  }

  /** Lets so many milliseconds pass; timers fire in the order of their times, those of one time in that of their making. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let alarm = this.#next(end); alarm !== null; alarm = this.#next(end)) {
      this.#alarms.delete(alarm);
      this.#now = Math.max(this.#now, alarm.at);
      alarm.callback();
    }
    this.#now = end;
  }

  /** Lets time pass as for a machine that sleeps: what is due meanwhile fires when it wakes, late. */
  sleep(ms: number): void {
    this.#now += ms;
    this.advance(0);
  }

  #next(end: number): Alarm | null {
    let next: Alarm | null = null;
    for (const alarm of this.#alarms) {
      if (alarm.at > end) continue;
      if (next === null || alarm.at < next.at || (alarm.at === next.at && alarm.order < next.order))
        next = alarm;
    }
    return next;
  }
}
