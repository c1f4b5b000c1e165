/** Waiting, and not for ever. */
import { once, setMaxListeners } from "node:events";

/** How often {@link until} asks if nothing else is said, in milliseconds. */
const ASK_MS = 25;

/**
 * Does something for so long at most.
 *
 * @param stop ends it early
 * @param work is given a signal that comes when it is over
 */
export async function inTime<T>(
  stop: AbortSignal,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // By hand: a signal made of others may be collected with its timer, and then it never comes.
  const over = new AbortController();
  setMaxListeners(0, over.signal, stop);
  const stopOnSignal = (): void => over.abort(stop.reason);
  const timer = setTimeout(() => over.abort(new Error(`it took longer than ${ms} ms`)), ms);
  stop.addEventListener("abort", stopOnSignal);
  if (stop.aborted) stopOnSignal();
  try {
    return await work(over.signal);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", stopOnSignal);
  }
}

/** Asks until it is so. */
export async function until(
  question: () => boolean | Promise<boolean>,
  signal: AbortSignal,
  everyMs = ASK_MS,
): Promise<void> {
  while (!(await question())) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  signal.throwIfAborted();
}

/** The promise's value, unless the signal comes first. */
export async function within<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const over = new AbortController();
  const aborted = once(signal, "abort", { signal: over.signal }).then(() => signal.throwIfAborted());
  aborted.catch(() => undefined);
  try {
    return (await Promise.race([promise, aborted])) as T;
  } finally {
    over.abort();
  }
}

/** Resolves after so many milliseconds, or once the signal comes. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
