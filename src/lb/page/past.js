/**
 * What the page has been told: the samples and events of the last minutes.
 *
 * @typedef {import("../../protocol/operator.js").LoadSample} Sample
 * @typedef {import("../../protocol/operator.js").LoadEvent} LoadEvent
 * @typedef {import("../../protocol/operator.js").RecentLoad} RecentLoad
 */

const MINUTE_MS = 60_000;
/** As much as the service remembers. */
const KEPT_MS = 15 * MINUTE_MS;
const MOST_EVENTS = 200;

export class Past {
  /** @type {Sample[]} */
  samples = [];
  /** @type {LoadEvent[]} */
  events = [];
  /** What is asked for next: what came after this. @type {number | null} */
  until = null;

  /**
   * @param {RecentLoad} answer
   * @returns {boolean} false where it does not follow what is known, as the service's clock was set back: all must be asked for
   */
  add(answer) {
    if (this.until !== null && answer.until < this.until) {
      this.clear();
      return false;
    }
    this.until = answer.until;
    this.samples.push(...answer.samples);
    this.events.push(...answer.events);
    const oldest = (this.samples.at(-1)?.at ?? 0) - KEPT_MS;
    const kept = this.samples.findIndex(({ at }) => at > oldest);
    if (kept > 0) this.samples.splice(0, kept);
    if (this.events.length > MOST_EVENTS) this.events.splice(0, this.events.length - MOST_EVENTS);
    return true;
  }

  clear() {
    this.samples = [];
    this.events = [];
    this.until = null;
  }

  /**
   * The end of what is known.
   *
   * @param {number} minutes
   */
  last(minutes) {
    const to = this.samples.at(-1)?.at ?? 0;
    // Of a system that was just started there is less: a minute is the least.
    const known = Math.min(this.samples[0]?.at ?? to, to - MINUTE_MS);
    const from = Math.max(known, to - minutes * MINUTE_MS);
    return {
      from,
      to,
      samples: this.samples.filter(({ at }) => at >= from),
      events: this.events.filter(({ at }) => at >= from && at <= to),
    };
  }

  /** Every server of which a sample tells, in the order of their numbers. */
  get servers() {
    const ids = new Set(this.samples.flatMap(({ servers }) => servers.map(({ id }) => String(id))));
    return [...ids].sort((one, other) => one.localeCompare(other, "en", { numeric: true }));
  }
}
