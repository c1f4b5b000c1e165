/**
 * Sessions that were seen lately: who asks for a place need not wait for the database then, which may be writing down
 * the logins of hundreds of others.
 *
 * Sessions begin and end through the balancer alone, and whatever ends one has it forgotten here. What happens behind the
 * balancer's back, by an operator's hand in the database or where a transaction's outcome stayed unknown, is seen once the
 * session's time here is over.
 */
import { toHex } from "../protocol/bytes.js";
import type { DeviceId } from "../protocol/ids.js";
import type { Clock } from "../protocol/runtime.js";
import type { SessionEnd } from "../protocol/threads.js";
import type { NewSession, SessionStore, StoredSession } from "../store/sessions.js";
import type { ServerPorts } from "./server-ports.js";

export interface KnownSessionsOptions {
  readonly sessions: Pick<SessionStore, "find">;
  /** Judges how long ago things were. */
  readonly clock: Clock;
}

/** How long one is known without asking the database, in milliseconds. */
const LIFETIME_MS = 30_000;
/** The most that are known at once, some hundred bytes each; the oldest gives way. */
const MOST = 20_000;

interface Known {
  session: StoredSession;
  readonly until: number;
}

export class KnownSessions {
  /** By the hash of their tokens, oldest first. */
  readonly #known = new Map<string, Known>();
  readonly #tokenOf = new Map<DeviceId, string>();
  /** Devices whose sessions ended so lately that the database may have been asked before; until when. Oldest first. */
  readonly #ended = new Map<DeviceId, number>();

  constructor(private readonly options: KnownSessionsOptions) {}

  /** How many are known. */
  get size(): number {
    return this.#known.size;
  }

  /** As {@link SessionStore.find}. @throws StoreError */
  async find(tokenHash: Uint8Array): Promise<StoredSession | null> {
    const token = toHex(tokenHash);
    const known = this.#known.get(token);
    if (known !== undefined && known.until > this.options.clock.now()) return known.session;
    const session = await this.options.sessions.find(tokenHash);
    if (session !== null && !session.suspended) this.#keep(token, session);
    else if (known !== undefined) this.#drop(known.session.device);
    return session;
  }

  /** A session has begun. */
  opened({ account, device, tokenHash, at }: NewSession): void {
    this.#keep(toHex(tokenHash), { account, device, lastUsedAt: at, suspended: false });
  }

  /** That was noted. @param at milliseconds since 1970 */
  used(device: DeviceId, at: number): void {
    const known = this.#known.get(this.#tokenOf.get(device) ?? "");
    if (known !== undefined) known.session = { ...known.session, lastUsedAt: at };
  }

  /** Sessions have ended, or may have. */
  forget(devices: readonly DeviceId[]): void {
    const now = this.options.clock.now();
    for (const [device, until] of this.#ended) {
      if (until > now) break;
      this.#ended.delete(device);
    }
    for (const device of devices) {
      this.#drop(device);
      this.#ended.delete(device);
      this.#ended.set(device, now + LIFETIME_MS);
    }
  }

  #keep(token: string, session: StoredSession): void {
    const { device } = session;
    if (this.#ended.has(device)) return;
    this.#drop(device);
    const [oldest] = this.#known.values();
    if (oldest !== undefined && this.#known.size >= MOST) this.#drop(oldest.session.device);
    const until = this.options.clock.now() + LIFETIME_MS;
    this.#known.set(token, { session, until });
    this.#tokenOf.set(device, token);
  }

  #drop(device: DeviceId): void {
    const token = this.#tokenOf.get(device);
    if (token === undefined) return;
    this.#tokenOf.delete(device);
    this.#known.delete(token);
  }
}

/** The sessions of these devices are over: whatever knows them hears of it. */
export type Revoke = (devices: readonly DeviceId[], why: SessionEnd) => void;

export function revoker(known: KnownSessions, servers: Pick<ServerPorts, "revoke">): Revoke {
  return (devices, why) => {
    known.forget(devices);
    servers.revoke(devices, why);
  };
}
