/** How long a client's cryptographic primitives take, by wrapping them: wall time of each call, its wait for a thread included. */
import { primitives } from "#primitives";

export interface CryptoTime {
  ms: number;
  calls: number;
}

/** Begins to count, in this thread. */
export function countCrypto(): CryptoTime {
  const time: CryptoTime = { ms: 0, calls: 0 };
  wrap(primitives as unknown as Record<string, unknown>, time);
  return time;
}

function wrap(functions: Record<string, unknown>, time: CryptoTime): void {
  for (const [name, value] of Object.entries(functions)) {
    if (typeof value === "object" && value !== null) wrap(value as Record<string, unknown>, time);
    else if (typeof value === "function") {
      functions[name] = timed(value as (...args: unknown[]) => unknown, functions, time);
    }
  }
}

function timed(work: (...args: unknown[]) => unknown, self: object, time: CryptoTime) {
  return (...args: unknown[]): unknown => {
    const began = performance.now();
    const count = (): void => {
      time.ms += performance.now() - began;
      time.calls += 1;
    };
    const result = work.apply(self, args);
    if (result instanceof Promise) return result.finally(count);
    count();
    return result;
  };
}
