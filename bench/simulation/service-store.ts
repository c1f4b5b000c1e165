/** What the service's database holds, as its threads reach it: accounts, sessions, vouchers and deliveries. */
import { toHex } from "../../src/protocol/bytes.js";
import type { AccountId, DeviceId, UserName } from "../../src/protocol/ids.js";
import type { AccountStore, NewAccount } from "../../src/store/accounts.js";
import type { DeliveryStore } from "../../src/store/deliveries.js";
import type { GroupStore } from "../../src/store/groups.js";
import type { NewSession, SessionStore } from "../../src/store/sessions.js";
import type { VoucherStore } from "../../src/store/vouchers.js";
import type { SimulatedDatabase } from "./database.js";
import { DeliveryTable } from "./delivery-table.js";
import { GroupLogs } from "./memory-groups.js";
import type { SimulatedThread } from "./thread.js";

interface SessionRow extends NewSession {
  readonly order: number;
  lastUsedAt: number;
}

/** The tables. All methods are transactions as the SQL stores have them. */
export class ServiceTables {
  readonly accounts = new Map<AccountId, NewAccount>();
  readonly names = new Map<UserName, AccountId>();
  readonly sessions = new Map<DeviceId, SessionRow>();
  readonly checkpoints = new Map<AccountId, Uint8Array>();
  readonly groups = new GroupLogs();
  readonly deliveries = new DeliveryTable((account) => this.accounts.has(account));
  readonly granted = new Map<string, number>();
  #order = 0;

  create(account: NewAccount, session: NewSession): "created" | "nameTaken" | "conflict" {
    if (this.accounts.has(account.account)) return "conflict";
    if (this.names.has(account.card.name)) return "nameTaken";
    this.accounts.set(account.account, account);
    this.names.set(account.card.name, account.account);
    this.open(session);
    return "created";
  }

  open(session: NewSession): void {
    this.sessions.set(session.device, { ...session, lastUsedAt: session.at, order: this.#order++ });
  }

  endOldest(account: AccountId, most: number): DeviceId[] {
    const rows = [...this.sessions.values()].filter((row) => row.account === account);
    const oldest = rows.sort((a, b) => b.at - a.at || b.order - a.order).slice(most);
    for (const { device } of oldest) this.sessions.delete(device);
    return oldest.map(({ device }) => device);
  }

  of(name: UserName): NewAccount | null {
    const account = this.names.get(name);
    return (account === undefined ? undefined : this.accounts.get(account)) ?? null;
  }
}

/** The stores of one thread. */
export interface ServiceStores {
  readonly accounts: AccountStore;
  readonly sessions: SessionStore;
  readonly vouchers: VoucherStore;
  readonly deliveries: DeliveryStore;
  readonly groups: GroupStore;
}

export function serviceStores(
  database: SimulatedDatabase,
  tables: ServiceTables,
  thread: SimulatedThread,
): ServiceStores {
  const read = <T>(work: () => T): Promise<T> => database.call(thread, { writes: false, begin: () => work });
  const write = <T>(work: () => T): Promise<T> => database.call(thread, { writes: true, begin: () => work });
  const { deliveries } = tables;
  return {
    accounts: {
      create: (account, session) => write(() => tables.create(account, session)),
      credentials: (name, decoy) =>
        read(() => {
          const found = tables.of(name);
          return found === null ? { ...decoy, account: null } : found;
        }),
      signIn: (session, record, most) =>
        write(() => {
          const found = tables.accounts.get(session.account);
          if (found?.record !== record) return null;
          const ended = tables.endOldest(session.account, most - 1);
          tables.open(session);
          return { card: found.card, vault: found.vault, ended };
        }),
      vault: (account) => read(() => tables.accounts.get(account)?.vault ?? null),
      cardOf: (name) => read(() => tables.of(name)?.card ?? null),
      cards: (accounts) => read(() => accounts.flatMap((id) => tables.accounts.get(id)?.card ?? [])),
      checkpoint: (account) => read(() => tables.checkpoints.get(account) ?? null),
      replaceCheckpoint: (account, instead, sealed) =>
        write(() => {
          const standing = tables.checkpoints.get(account) ?? new Uint8Array();
          const same = toHex(standing) === toHex(instead ?? new Uint8Array());
          if (same) tables.checkpoints.set(account, sealed);
          return same;
        }),
      stretchings: () =>
        read(() => [...tables.accounts.values()].map(({ stretching }) => ({ stretching, accounts: 1 }))),
    },
    sessions: {
      find: (tokenHash) =>
        read(() => {
          const hash = toHex(tokenHash);
          const found = [...tables.sessions.values()].find((row) => toHex(row.tokenHash) === hash);
          return found === undefined ? null : { ...found, suspended: false };
        }),
      list: (account) =>
        read(() =>
          [...tables.sessions.values()]
            .filter((row) => row.account === account)
            .map(({ device, label, at, lastUsedAt }) => ({ device, label, signedInAt: at, lastUsedAt }))
            .sort((one, other) => other.lastUsedAt - one.lastUsedAt),
        ),
      touch: (devices, at) =>
        write(() => {
          for (const device of devices) {
            const row = tables.sessions.get(device);
            if (row !== undefined) row.lastUsedAt = at;
          }
        }),
      end: (device) => write(() => tables.sessions.delete(device)),
      ended: (devices) =>
        read(() =>
          devices
            .filter((device) => !tables.sessions.has(device))
            .map((device) => ({ device, why: "notSignedIn" })),
        ),
    },
    vouchers: {
      grant: (account, day, most) =>
        write(() => {
          const key = account + day;
          const granted = Math.min((tables.granted.get(key) ?? 0) + 1, most + 1);
          tables.granted.set(key, granted);
          return granted <= most;
        }),
      grantFile: (account, day, mib, most) =>
        write(() => {
          const key = `files ${account}${day}`;
          const granted = (tables.granted.get(key) ?? 0) + mib;
          if (granted <= most) tables.granted.set(key, granted);
          return granted <= most;
        }),
    },
    groups: {
      append: (event) => write(() => tables.groups.append(event)),
      events: (group, after, limit, maxBytes) =>
        read(() => tables.groups.events(group, after, limit, maxBytes)),
    },
    deliveries: {
      write(batch) {
        const transaction = deliveries.begin();
        return database.call(thread, {
          writes: true,
          async begin() {
            try {
              for (const body of batch.bodies) transaction.insertBody(body);
              let repeated = false;
              for (const delivery of batch.deliveries) {
                if (!(await transaction.insert(delivery))) repeated = true;
              }
              await transaction.remove(batch.removals);
              return () => {
                transaction.commit();
                return { repeated };
              };
            } catch (error) {
              transaction.abort();
              throw error;
            }
          },
          abort: () => transaction.abort(),
        });
      },
      read: (recipient, position, limit, maxBytes) =>
        read(() => deliveries.read(recipient, position, limit, maxBytes)),
      pending: (recipients) => read(() => deliveries.pending(recipients)),
      sweep: (limit) => write(() => deliveries.sweep(limit)),
    },
  };
}
