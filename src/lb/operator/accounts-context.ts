/** What operators' routes about accounts and invites work with. */
import type { RegistrationMode } from "../../protocol/http.js";
import type { Clock, Random } from "../../protocol/runtime.js";
import type { InviteStore } from "../../store/invites.js";
import type { UserStore } from "../../store/users.js";
import type { Revoke } from "../known-sessions.js";

export interface AccountsContext {
  readonly users: UserStore;
  readonly invites: InviteStore;
  /** Who may sign up. */
  readonly registration: RegistrationMode;
  readonly revoke: Revoke;
  /** Dates what is made. */
  readonly clock: Clock;
  readonly random: Random;
  /** Invites that there may be at once. */
  readonly mostInvites: number;
}
