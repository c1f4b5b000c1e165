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
  /** Accounts whose mailbox is in its memory; `null`, as the two below, where only the server itself could tell. */
  readonly mailboxes: number | null;
  /** A second. */
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly loopDelayP99Ms: number | null;
  /** Share of the time that its event loop was busy, 0 to 1. */
  readonly utilization: number | null;
}

/** One thread, or all of the system's process, or that of its simulated people, in one second. */
export interface CpuSample {
  /** The end of that second, in milliseconds from the beginning of the warm-up. */
  readonly at: number;
  readonly thread: string;
  readonly cores: number;
}

/** CPU time that a thread had used at a moment, since it began. */
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

  /** The same, for each second that is over. */
  coresBySecond(): CpuSample[] {
    const samples: CpuSample[] = [];
    for (const [thread, notes] of this.#cpu) {
      let before = notes[0];
      for (const note of notes) {
        if (before === undefined || note.at - before.at < SECOND_MS) continue;
        const cores = (note.micros - before.micros) / 1000 / (note.at - before.at);
        samples.push({ at: note.at, thread, cores });
        before = note;
      }
    }
    return samples.sort((one, other) => one.at - other.at);
  }

  /** This process is that of the simulated people. */
  notePeople(): void {
    const { user, system } = process.cpuUsage();
    this.#note(PEOPLE, elapsed() - this.#start, user + system);
  }

  #note(thread: string, at: number, micros: number): void {
    if (at < 0) return;
    const notes = this.#cpu.get(thread) ?? [];
    this.#cpu.set(thread, notes);
    notes.push({ at, micros });
  }
}

/** Under which names the CPU of the system's whole process stands, and that of its simulated people. */
export const PROCESS = "process";
export const PEOPLE = "people";

const SECOND_MS = 1_000;

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
