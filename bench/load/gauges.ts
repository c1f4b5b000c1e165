/** What the system itself says of its load while a run goes on, second by second. */
import type { LoadReport } from "../../src/protocol/threads.js";
import { elapsed } from "../faults/host-messages.js";
import type { FromInside } from "../service/inside-messages.js";

/** One server in one second. */
export interface ServerSample {
  /** Milliseconds from the beginning of the warm-up. */
  readonly at: number;
  readonly server: string;
  readonly connections: number;
  /** Accounts whose mailbox is in its memory. */
  readonly mailboxes: number;
  /** A second. */
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly loopDelayP99Ms: number;
  /** Share of the time that its event loop was busy, 0 to 1. */
  readonly utilization: number;
}

/** One thread of the system in one fifth of a second. */
interface CpuNote {
  readonly at: number;
  readonly micros: number;
}

export class Gauges {
  readonly samples: ServerSample[] = [];
  /** CPU time of each thread since it began, and of the whole process. */
  readonly #cpu = new Map<string, CpuNote[]>();
  readonly #latest = new Map<string, LoadReport>();
  readonly #rss: { readonly at: number; readonly bytes: number }[] = [];
  #start = Infinity;

  /** From here on samples are kept; their times count from there. */
  begin(start: number): void {
    this.#start = start;
  }

  take(message: FromInside): void {
    const at = elapsed() - this.#start;
    if (message.type === "report") {
      this.#latest.set(message.thread, message.report);
      if (at < 0) return;
      this.samples.push(sampleOf(at, message.thread, message.report));
    } else if (message.type === "thread") this.#note(message.thread, at, message.cpuMicros);
    else if (message.type === "process") {
      this.#note(PROCESS, at, message.cpuMicros);
      this.#rss.push({ at, bytes: message.rssBytes });
    }
  }

  /** The last that each chat server told. */
  get latest(): ReadonlyMap<string, LoadReport> {
    return this.#latest;
  }

  /** Memory of the process just now, in bytes; `null` where it has not told yet. */
  get rss(): number | null {
    return this.#rss.at(-1)?.bytes ?? null;
  }

  /**
   * CPU of each thread between two times, in cores.
   *
   * @returns by thread, and `process` for all of the process
   */
  coresBetween(from: number, to: number): Record<string, number> {
    const cores: Record<string, number> = {};
    for (const [thread, notes] of this.#cpu) {
      const within = notes.filter(({ at }) => at >= from && at <= to);
      const [first, last] = [within[0], within.at(-1)];
      if (first === undefined || last === undefined || last.at === first.at) continue;
      cores[thread] = (last.micros - first.micros) / 1000 / (last.at - first.at);
    }
    return cores;
  }

  #note(thread: string, at: number, micros: number): void {
    if (at < 0) return;
    const notes = this.#cpu.get(thread) ?? [];
    this.#cpu.set(thread, notes);
    notes.push({ at, micros });
  }
}

/** Under which name the CPU of the whole process stands. */
export const PROCESS = "process";

function sampleOf(at: number, server: string, report: LoadReport): ServerSample {
  const aSecond = (count: number): number => (count * 1000) / report.overMs;
  return {
    at,
    server,
    connections: report.connections,
    mailboxes: report.mailboxes,
    messagesIn: aSecond(report.messagesIn),
    messagesOut: aSecond(report.messagesOut),
    bytesIn: aSecond(report.bytesIn),
    bytesOut: aSecond(report.bytesOut),
    loopDelayP99Ms: report.loopDelayP99Ms,
    utilization: report.utilization,
  };
}
