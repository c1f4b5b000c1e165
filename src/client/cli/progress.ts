/** A word for whoever waits. */
import type { Output } from "./output.js";

const PATIENCE_MS = 1000;

/** Says `text` once if `work` takes longer than a second. */
export async function sayIfSlow<T>(output: Output, text: string, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => output.note(text), PATIENCE_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
