/** A word for whoever waits. */
import type { Output } from "./output.js";

const PATIENCE_MS = 1000;

/** Says `text` once if `work` takes longer than a second, or than `patienceMs`. */
export async function sayIfSlow<T>(
  output: Pick<Output, "note">,
  text: string,
  work: Promise<T>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const timer = setTimeout(() => output.note(text), patienceMs);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/** How often work that goes on for long says how far it has got, in milliseconds. */
const PROGRESS_MS = 2000;

/** Says now and then how far something has got, from the second that it takes longer than. */
export class Progress {
  #told = Date.now() + PATIENCE_MS - PROGRESS_MS;

  /** @param what that is counted */
  constructor(
    private readonly output: Pick<Output, "note">,
    private readonly what: string,
  ) {}

  at(count: number): void {
    const now = Date.now();
    if (now - this.#told < PROGRESS_MS) return;
    this.#told = now;
    this.output.note(`${count} ${this.what}…`);
  }
}
