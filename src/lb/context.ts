/** What the routes work with. */
import type { Config } from "../config.js";
import type { RegistrationMode } from "../protocol/http.js";
import type { Clock, Random } from "../protocol/runtime.js";
import type { Listening } from "../protocol/threads.js";
import type { AccountStore } from "../store/accounts.js";
import type { InviteStore } from "../store/invites.js";
import type { SessionStore } from "../store/sessions.js";
import type { VoucherStore } from "../store/vouchers.js";
import type { Admission } from "./admission.js";
import type { KnownSessions, Revoke } from "./known-sessions.js";
import type { LastUsed } from "./last-used.js";
import type { OpaqueServer } from "./opaque-server.js";
import type { PasswordCosts } from "./password-costs.js";
import type { PendingLogins } from "./pending-logins.js";
import type { Placement } from "./placement.js";
import type { GrantSigner } from "./tickets.js";

export interface BalancerContext {
  readonly accounts: AccountStore;
  readonly sessions: SessionStore;
  readonly known: Pick<KnownSessions, "find" | "opened" | "used">;
  readonly lastUsed: LastUsed;
  readonly vouchers: VoucherStore;
  readonly invites: Pick<InviteStore, "isGood">;
  /** Who may sign up. */
  readonly registration: RegistrationMode;
  readonly opaque: OpaqueServer;
  readonly pendingLogins: PendingLogins;
  readonly costs: PasswordCosts;
  readonly admission: Pick<Admission, "enter">;
  readonly placement: Placement;
  readonly revoke: Revoke;
  readonly grants: GrantSigner;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Config["limits"];
  readonly timeouts: Config["timeouts"];
  /** Told to clients as the host of servers and archive. */
  readonly publicHost: string;
  /** Where the archive listens; `null` until it does. */
  archive(): Listening | null;
}
