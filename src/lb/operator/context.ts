/** What operators' routes work with. */
import type { Clock, Log } from "../../protocol/runtime.js";
import type { AccountsContext } from "./accounts-context.js";
import type { LoadView } from "../load-view.js";
import type { Metrics } from "../metrics/metrics.js";
import type { Mover } from "../mover.js";
import type { Fleet } from "./fleet.js";
import type { RecentPast } from "./recent-past.js";

export interface OperatorContext {
  /** SHA-256 of the operator token, 32 bytes. */
  readonly operatorTokenHash: Uint8Array;
  readonly fleet: Fleet;
  readonly mover: Pick<Mover, "progress">;
  readonly view: LoadView;
  readonly past: RecentPast;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Judges how long ago things were. */
  readonly clock: Clock;
  /** Name of the placement strategy. */
  readonly strategy: string;
  /** What routes about accounts and invites work with. */
  readonly people: AccountsContext;
}
