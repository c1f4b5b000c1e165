/** Accounts: credentials, card and sealed vault of each, with what must change together in one transaction. */
import Type from "#typebox";
import { Compile } from "#typebox/compile";
import { fromBase64Url, toBase64Url } from "../protocol/bytes.js";
import { Stretching, type Card, type VaultRecord } from "../protocol/http.js";
import { parseUserName, type AccountId, type DeviceId, type UserName } from "../protocol/ids.js";
import { Batches } from "../node/batches.js";
import { isPassing, StoreError, type Database, type Queryable, type Statement } from "./database.js";
import { takeUse } from "./invites.js";
import { countSessions, endOldest, sessionInsert, type NewSession } from "./sessions.js";
import { accountIdOfUuid } from "./uuid.js";
import { dayOf } from "./day.js";

export interface NewAccount {
  readonly account: AccountId;
  /** Verified by the caller; its name is the account's. */
  readonly card: Card;
  /** The OPAQUE registration record, as its library spells it. */
  readonly record: string;
  readonly stretching: Stretching;
  readonly vault: VaultRecord;
}

/** What a login starts from. */
export interface Credentials {
  /** `null` where nobody has the name; the rest is then the decoy's. */
  readonly account: AccountId | null;
  readonly record: string;
  readonly stretching: Stretching;
}

export interface SignIn {
  readonly card: Card;
  readonly vault: VaultRecord;
  /** Devices whose session was ended because the account has too many. */
  readonly ended: readonly DeviceId[];
}

export type SignInOutcome = SignIn | "suspended" | null;

/** All methods throw a StoreError where the database fails. */
export interface AccountStore {
  /**
   * Makes an account with its first session, or nothing at all.
   *
   * @param invite SHA-256 of the code of an invite, of which a use is taken if all goes well; missing where none is needed
   * @returns `badInvite` where that lets nobody in, `nameTaken` where another account has the name, `conflict` where the
   *   account exists
   */
  create(
    account: NewAccount,
    session: NewSession,
    invite?: Uint8Array,
  ): Promise<"created" | "badInvite" | "nameTaken" | "conflict">;
  /** @param decoy answered where nobody has the name, so that a login costs the same time with and without an account */
  credentials(name: UserName, decoy: Omit<Credentials, "account">): Promise<Credentials>;
  /**
   * Opens a session after a login, and answers what the device needs.
   *
   * @param record the registration record that the login was begun with
   * @param most sessions that the account may have, the new one included; the oldest are ended
   * @returns `null` where the account is gone or its record is another by now: the password was changed meanwhile;
   *   `suspended` where nobody may log in to it
   */
  signIn(session: NewSession, record: string, most: number): Promise<SignInOutcome>;
  vault(account: AccountId): Promise<VaultRecord | null>;
  cardOf(name: UserName): Promise<Card | null>;
  /** Cards of those accounts that exist, in no particular order. */
  cards(accounts: readonly AccountId[]): Promise<Card[]>;
  /** What the account's devices have sealed about its archive; `null` where there is nothing. */
  checkpoint(account: AccountId): Promise<Uint8Array | null>;
  /** Replaces that, if it still is `instead`. @returns whether it was */
  replaceCheckpoint(account: AccountId, instead: Uint8Array | null, sealed: Uint8Array): Promise<boolean>;
  /** How many accounts there are for each cost of the password hash. */
  stretchings(): Promise<{ stretching: Stretching; accounts: number }[]>;
}

const UNIQUE_VIOLATION = "23505";

const stretchingCheck = Compile(Type.Object(Stretching.properties, { additionalProperties: false }));

interface CardRow {
  readonly name: string;
  readonly identity_key: Uint8Array;
  readonly encryption_key: Uint8Array;
  readonly card_generation: string;
  readonly card_signature: Uint8Array;
}

interface VaultRow {
  readonly id: string;
  readonly vault_generation: string;
  readonly vault_sealed: Uint8Array;
  readonly kind: string;
  readonly wrapped: Uint8Array;
}

const CARD_COLUMNS = "name, identity_key, encryption_key, card_generation, card_signature";

/** Logins in one statement or transaction, at most. */
const MOST_LOGINS = 64;

export function sqlAccounts(db: Database): AccountStore {
  const isOnesFault = (error: unknown): boolean => !isPassing(error);
  const credentials = new Batches({
    work: (asked: readonly AskedCredentials[]) => readCredentials(db, asked),
    most: MOST_LOGINS,
    isOnesFault,
  });
  const signIns = new Batches({
    work: (asked: readonly AskedSignIn[]) => openSessions(db, asked),
    most: MOST_LOGINS,
    // Of two at once of one account both would see room for one session more.
    keyOf: ({ session }) => session.account,
    isOnesFault,
  });
  return {
    async create(account, session, invite) {
      const inserts = accountInserts(account, session);
      try {
        if (invite === undefined) {
          await db.batch(inserts);
          return "created";
        }
        return await db.transaction(async (tx) => {
          // First of all: who was not invited does not learn which names are taken.
          if (!(await takeUse(tx, invite, session.at))) return "badInvite";
          for (const insert of inserts) await tx.query(insert);
          return "created";
        });
      } catch (error) {
        if (!(error instanceof StoreError) || error.reason !== UNIQUE_VIOLATION) throw error;
        return (await accountExists(db, account.account)) ? "conflict" : "nameTaken";
      }
    },

    credentials: (name, decoy) => credentials.add({ name, decoy }),

    signIn: (session, record, most) => signIns.add({ session, record, most }),

    async vault(account) {
      return (await readVaults(db, [account])).get(account) ?? null;
    },

    async cardOf(name) {
      const { rows } = await db.query<CardRow>({
        name: "account-card",
        text: `SELECT ${CARD_COLUMNS} FROM accounts WHERE name = $1`,
        values: [name],
      });
      return rows[0] === undefined ? null : readCard(rows[0]);
    },

    async cards(accounts) {
      if (accounts.length === 0) return [];
      const { rows } = await db.query<CardRow>({
        name: "account-cards",
        text: `SELECT ${CARD_COLUMNS} FROM accounts WHERE id = ANY($1::uuid[])`,
        values: [accounts],
      });
      return rows.map(readCard);
    },

    async checkpoint(account) {
      const { rows } = await db.query<{ checkpoint: Uint8Array | null }>({
        name: "account-checkpoint",
        text: "SELECT checkpoint FROM accounts WHERE id = $1",
        values: [account],
      });
      return rows[0]?.checkpoint ?? null;
    },

    async replaceCheckpoint(account, instead, sealed) {
      const { rowCount } = await db.query({
        text: `UPDATE accounts SET checkpoint = $2 WHERE id = $1
          AND ${instead === null ? "checkpoint IS NULL" : "checkpoint = $3"}`,
        values: instead === null ? [account, sealed] : [account, sealed, instead],
        does: "store",
      });
      return rowCount > 0;
    },

    async stretchings() {
      const { rows } = await db.query<{ stretching: string; accounts: string }>({
        name: "account-stretchings",
        text: "SELECT stretching, count(*) AS accounts FROM accounts GROUP BY stretching",
      });
      return rows.map((row) => ({
        stretching: readStretching(row.stretching),
        accounts: Number(row.accounts),
      }));
    },
  };
}

interface AskedCredentials {
  readonly name: UserName;
  readonly decoy: Omit<Credentials, "account">;
}

async function readCredentials(db: Queryable, asked: readonly AskedCredentials[]): Promise<Credentials[]> {
  // One row of one size for each name, taken or not: what the database sends and what is read of it takes equally long.
  const { rows } = await db.query<{ name: string; id: string | null; record: string; stretching: string }>({
    name: "account-credentials",
    text: `SELECT asked.name, a.id, COALESCE(a.opaque_record, asked.record) AS record,
             COALESCE(a.stretching, asked.stretching) AS stretching
           FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (name, record, stretching)
           LEFT JOIN accounts a ON a.name = asked.name`,
    values: [
      asked.map(({ name }) => name),
      asked.map(({ decoy }) => decoy.record),
      asked.map(({ decoy }) => writeStretching(decoy.stretching)),
    ],
  });
  const found = new Map(rows.map((row) => [row.name, row]));
  return asked.map(({ name }) => {
    const row = found.get(name);
    if (row === undefined) throw new TypeError("the database answered an outer join without a row");
    return {
      account: row.id === null ? null : accountIdOfUuid(row.id),
      record: row.record,
      stretching: readStretching(row.stretching),
    };
  });
}

interface AskedSignIn {
  readonly session: NewSession;
  readonly record: string;
  readonly most: number;
}

interface SignInRow extends CardRow {
  readonly id: string;
  readonly opaque_record: string;
  readonly suspended_at: Date | null;
}

/** Opens sessions, each of another account, in one transaction. */
function openSessions(db: Database, asked: readonly AskedSignIn[]): Promise<SignInOutcome[]> {
  const accounts = asked.map(({ session }) => session.account);
  return db.transaction(async (tx) => {
    // All of them travel together, and are carried out in this order.
    const [{ rows }, vaults, counts] = await Promise.all([
      tx.query<SignInRow>({
        name: "account-lock",
        // In order, so that no two who lock several accounts can wait for each other.
        text: `SELECT id, ${CARD_COLUMNS}, opaque_record, suspended_at FROM accounts
               WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`,
        values: [accounts],
      }),
      readVaults(tx, accounts),
      countSessions(tx, accounts),
    ]);
    const found = new Map(rows.map((row) => [accountIdOfUuid(row.id), row]));
    const verdictOf = ({ session, record }: AskedSignIn): SignInOutcome => {
      const row = found.get(session.account);
      if (row === undefined || row.opaque_record !== record) return null;
      if (row.suspended_at !== null) return "suspended";
      const vault = vaults.get(session.account);
      if (vault === undefined) throw new TypeError("the database holds an account without a vault");
      return { card: readCard(row), vault, ended: [] };
    };
    const outcomes = asked.map(verdictOf);
    const opened = asked.filter((_, at) => isSignIn(outcomes[at]));
    if (opened.length === 0) return outcomes;
    const full = opened.filter(({ session, most }) => (counts.get(session.account) ?? 0) >= most);
    const ended = await endOldest(
      tx,
      full.map(({ session: { account }, most }) => ({ account, most: most - 1 })),
    );
    await tx.query(sessionInsert(opened.map(({ session }) => session)));
    return outcomes.map((outcome, at) => {
      const account = accounts[at];
      if (!isSignIn(outcome) || account === undefined) return outcome;
      return { ...outcome, ended: ended.get(account) ?? [] };
    });
  });
}

function isSignIn(outcome: SignInOutcome | undefined): outcome is SignIn {
  return typeof outcome === "object" && outcome !== null;
}

/** First of them the row that may be refused. */
function accountInserts(account: NewAccount, session: NewSession): Statement[] {
  return [
    accountInsert(account, dayOf(session.at)),
    ...account.vault.wrappings.map(({ kind, wrapped }) => ({
      name: "wrapping-insert",
      text: "INSERT INTO vault_wrappings (account, kind, wrapped) VALUES ($1, $2, $3)",
      values: [account.account, kind, bytesOf(wrapped)],
    })),
    sessionInsert([session]),
  ];
}

function accountInsert(
  { account, card, record, stretching, vault }: NewAccount,
  createdOn: string,
): Statement {
  return {
    name: "account-insert",
    text: `INSERT INTO accounts (id, name, identity_key, encryption_key, card_generation, card_signature,
             opaque_record, stretching, vault_generation, vault_sealed, created_on)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    values: [
      account,
      card.name,
      bytesOf(card.identityKey),
      bytesOf(card.encryptionKey),
      card.generation,
      bytesOf(card.signature),
      record,
      writeStretching(stretching),
      vault.generation,
      bytesOf(vault.sealed),
      createdOn,
    ],
  };
}

async function accountExists(db: Queryable, account: AccountId): Promise<boolean> {
  const { rows } = await db.query({
    name: "account-exists",
    text: "SELECT id FROM accounts WHERE id = $1",
    values: [account],
  });
  return rows.length > 0;
}

/** Of those accounts that exist. Record and wrappings in one statement, so that they are of one generation. */
async function readVaults(
  db: Queryable,
  accounts: readonly AccountId[],
): Promise<Map<AccountId, VaultRecord>> {
  const { rows } = await db.query<VaultRow>({
    name: "account-vaults",
    text: `SELECT a.id, a.vault_generation, a.vault_sealed, w.kind, w.wrapped
           FROM accounts a JOIN vault_wrappings w ON w.account = a.id
           WHERE a.id = ANY($1::uuid[]) ORDER BY w.kind`,
    values: [accounts],
  });
  const vaults = new Map<AccountId, VaultRecord & { wrappings: VaultRecord["wrappings"][number][] }>();
  for (const row of rows) {
    const account = accountIdOfUuid(row.id);
    const wrapping = { kind: row.kind, wrapped: toBase64Url(row.wrapped) };
    const vault = vaults.get(account);
    if (vault !== undefined) vault.wrappings.push(wrapping);
    else {
      vaults.set(account, {
        generation: Number(row.vault_generation),
        sealed: toBase64Url(row.vault_sealed),
        wrappings: [wrapping],
      });
    }
  }
  return vaults;
}

function readCard(row: CardRow): Card {
  const name = parseUserName(row.name);
  if (name === null) throw new TypeError("the database holds a name that is none");
  return {
    name,
    identityKey: toBase64Url(row.identity_key),
    encryptionKey: toBase64Url(row.encryption_key),
    generation: Number(row.card_generation),
    signature: toBase64Url(row.card_signature),
  };
}

/** One spelling for one cost, so that equal ones group together. */
function writeStretching({ algorithm, iterations, memoryKiB, parallelism }: Stretching): string {
  return JSON.stringify({ algorithm, iterations, memoryKiB, parallelism });
}

function readStretching(text: string): Stretching {
  const value: unknown = JSON.parse(text);
  if (!stretchingCheck.Check(value)) throw new TypeError("the database holds a password cost that is none");
  return value;
}

/** Bytes of a text whose form the HTTP schema has checked. */
function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64Url(text);
  if (bytes === null) throw new TypeError("base64url was expected");
  return bytes;
}
