/** Writes events down so that they outlive a kill of the process: each is with the operating system before anything else happens. */
import { openSync, readFileSync, writeSync, closeSync } from "node:fs";
import type { HistoryEvent } from "../history/events.js";
import { elapsed } from "./host-messages.js";

type Timeless<Event> = Event extends HistoryEvent ? Omit<Event, "at"> : never;

export class Recorder {
  readonly #file: number;
  lastAt = elapsed();

  /** @param path of a file that is not there yet */
  constructor(path: string) {
    this.#file = openSync(path, "ax");
  }

  /** @param at when it was, as `elapsed()` tells time */
  write(event: Timeless<HistoryEvent>, at = elapsed()): void {
    this.lastAt = elapsed();
    writeSync(this.#file, `${JSON.stringify({ ...event, at })}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Reads what {@link Recorder} wrote. A last line that a kill cut short was never acted on. */
export function readLines<T>(path: string): T[] {
  const lines = readFileSync(path, "utf8").split("\n");
  lines.pop();
  return lines.map((line) => JSON.parse(line) as T);
}
