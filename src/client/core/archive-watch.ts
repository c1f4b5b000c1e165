/** The archive is compared with what this account knows of it as long as somebody listens, and not only when it is read. */
import type { Clock, Timer } from "../../protocol/runtime.js";
import type { Ledger } from "./ledger.js";

/** How often, in milliseconds. */
const WATCH_MS = 300_000;

/** Compares now, and again every few minutes. */
export function watchArchive(ledger: Pick<Ledger, "check">, clock: Clock): { readonly stop: () => void } {
  let timer: Timer | null = null;
  const look = (): void => {
    timer = clock.after(WATCH_MS, look);
    // The archive being away is told elsewhere.
    ledger.check().catch(() => undefined);
  };
  look();
  return { stop: () => timer?.cancel() };
}
