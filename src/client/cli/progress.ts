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
