/** Ctrl-C and its like: the first asks a command to end in order, the second ends the process. */
import { constants } from "node:os";
import { Interrupted } from "./failure.js";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface Interrupts {
  /** Aborted with {@link Interrupted} as its reason. */
  readonly signal: AbortSignal;
  /** What Ctrl-C does where the terminal does not make a signal of it, because a line editor reads the keys. */
  interrupt(): void;
  release(): void;
}

export function catchInterrupts(): Interrupts {
  const controller = new AbortController();
  const end = (name: (typeof SIGNALS)[number]): void => {
    const exitCode = 128 + constants.signals[name];
    if (controller.signal.aborted) process.exit(exitCode);
    controller.abort(new Interrupted(exitCode));
  };
  for (const name of SIGNALS) process.on(name, end);
  return {
    signal: controller.signal,
    interrupt: () => end("SIGINT"),
    release() {
      for (const name of SIGNALS) process.off(name, end);
    },
  };
}

/** The promise's outcome, or the signal's reason if that comes first. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason instanceof Error ? signal.reason : new Error("Aborted."));
    signal.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Calls `end` once the signal is aborted, or at once if it is already. */
export function whenAborted(signal: AbortSignal, end: () => void): void {
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
}
