/** Logins between their two steps: bounded in number and time, each good for one try. */
import { toBase64Url } from "../protocol/bytes.js";
import type { UserName } from "../protocol/ids.js";
import type { Clock, Random } from "../protocol/runtime.js";
import type { Credentials } from "../store/accounts.js";

export interface PendingLogin {
  readonly name: UserName;
  /** Those of a decoy for a name that nobody has: the login goes on like any other, and fails like a wrong password. */
  readonly credentials: Credentials;
  /** The service's OPAQUE state between the steps. */
  readonly state: string;
}

export interface PendingLoginsOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** How many are kept. The oldest gives way: who floods must then do so faster than people log in. */
  readonly most: number;
  readonly lifetimeMs: number;
}

const HANDLE_BYTES = 16;

export class PendingLogins {
  /** Oldest first: all live equally long. */
  readonly #logins = new Map<string, { readonly login: PendingLogin; readonly expiresAt: number }>();

  constructor(private readonly options: PendingLoginsOptions) {}

  get size(): number {
    return this.#logins.size;
  }

  /** @returns the handle that the next step names: 16 random bytes, base64url */
  begin(login: PendingLogin): string {
    const { clock, random, most, lifetimeMs } = this.options;
    const now = clock.now();
    for (const [handle, { expiresAt }] of this.#logins) {
      if (expiresAt > now && this.#logins.size < most) break;
      this.#logins.delete(handle);
    }
    const handle = toBase64Url(random.bytes(HANDLE_BYTES));
    this.#logins.set(handle, { login, expiresAt: now + lifetimeMs });
    return handle;
  }

  /** The login of a handle, which is then used up; `null` for a handle unknown, used or expired. */
  take(handle: string): PendingLogin | null {
    const found = this.#logins.get(handle);
    this.#logins.delete(handle);
    return found === undefined || found.expiresAt <= this.options.clock.now() ? null : found.login;
  }
}
