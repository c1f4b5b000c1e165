/**
 * The balancer: accounts, login and placement over HTTPS, and the lines to the chat servers. Everything it needs comes
 * in, so that it runs in a thread of its own as well as in a test's.
 */
import type { MessagePort } from "node:worker_threads";
import type { Config } from "../config.js";
import type { RegistrationMode, Stretching } from "../protocol/http.js";
import type { Incarnation, ServerId } from "../protocol/ids.js";
import type { Clock, Log, Random } from "../protocol/runtime.js";
import type { Listening, ServerEntry } from "../protocol/threads.js";
import { sqlAccounts } from "../store/accounts.js";
import type { Database } from "../store/database.js";
import { sqlInvites } from "../store/invites.js";
import { sqlSessions } from "../store/sessions.js";
import { sqlUsers } from "../store/users.js";
import { sqlVouchers } from "../store/vouchers.js";
import { Admission } from "./admission.js";
import { createApp, listen, type CreatedApp } from "./app.js";
import { KnownSessions, revoker } from "./known-sessions.js";
import { LastUsed } from "./last-used.js";
import { addLoadPage } from "./load-page.js";
import { LoadView } from "./load-view.js";
import { Metrics } from "./metrics/metrics.js";
import { Mover } from "./mover.js";
import { Fleet, type AskSupervisor } from "./operator/fleet.js";
import { RecentPast } from "./operator/recent-past.js";
import { addOperatorRoutes } from "./operator/routes.js";
import { openOpaquePool } from "./opaque-pool.js";
import type { OpaqueServer } from "./opaque-server.js";
import { PasswordCosts } from "./password-costs.js";
import { PendingLogins } from "./pending-logins.js";
import { Placement } from "./placement.js";
import { addRoutes } from "./routes.js";
import { health } from "./routes/health.js";
import { ServerPorts } from "./server-ports.js";
import { chooseStrategy } from "./strategy-choice.js";
import { grantSigner } from "./tickets.js";

export interface BalancerOptions {
  /** Migrated already. It stays the caller's to close. */
  readonly database: Database;
  /** Finds out who is asking, apart from `database` so that no placement waits behind logins; `database` itself where it is missing. */
  readonly sessionDatabase?: Database;
  /** Dates accounts, tickets and vouchers. */
  readonly clock: Clock;
  /** Judges how long ago things were; best one that nobody can set. `clock` if missing. */
  readonly steadyClock?: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Certificate chain and private key, in PEM. */
  readonly tls: { readonly cert: string; readonly key: string };
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Told to clients as the host of servers and archive. */
  readonly publicHost: string;
  readonly strategy: string;
  /** Who may sign up. */
  readonly registration: RegistrationMode;
  /** Cost of the password hash of new accounts. */
  readonly password: Config["password"];
  /** The OPAQUE server setup, as its library spells it. */
  readonly opaqueSetup: string;
  /** Threads for OPAQUE, at most. */
  readonly opaqueThreads: number;
  /** Ed25519 private key of tickets and vouchers, PKCS #8 in PEM. */
  readonly grantKey: string;
  /** SHA-256 of the operator token, 32 bytes. */
  readonly operatorTokenHash: Uint8Array;
  readonly askSupervisor: AskSupervisor;
  readonly limits: Config["limits"];
  readonly timeouts: Config["timeouts"];
}

export interface Balancer {
  readonly listening: Listening;
  /** A chat server, with this thread's end of a channel to it; replaces an older one of the same id. */
  addServer(entry: ServerEntry, port: MessagePort): void;
  removeServer(id: ServerId, incarnation: Incarnation): void;
  setArchive(listening: Listening): void;
  /** What the supervisor says of all threads, and of the orders that operators gave. */
  readonly fleet: Pick<Fleet, "update" | "ordered">;
  /** Answers what was asked, then ends. */
  close(): Promise<void>;
}

/** Share of the time to stop that requests under way have: half of what the supervisor gives the balancer. */
const CLOSE_SHARE = 0.1;

/** @throws FastChatError `portInUse`, `badConfig`, `unavailable` where the database cannot be reached */
export async function createBalancer(options: BalancerOptions): Promise<Balancer> {
  const {
    database,
    sessionDatabase = database,
    clock,
    random,
    log,
    limits,
    timeouts,
    opaqueSetup,
    steadyClock = clock,
  } = options;
  const strategy = await chooseStrategy(options.strategy);
  const grants = grantSigner(options.grantKey);
  const accounts = sqlAccounts(database);
  const sessions = sqlSessions(sessionDatabase);
  const invites = sqlInvites(database);
  const cost: Stretching = { algorithm: "argon2id", ...options.password };
  const costs = new PasswordCosts(cost, opaqueSetup, await accounts.stretchings());
  const view = new LoadView({
    placementMs: timeouts.ticketMs,
    capacity: limits.connectionsPerServer,
    warmUpMs: timeouts.warmUpMs,
  });
  const admission = new Admission({ clock: steadyClock, perSecond: limits.placementsPerSecond });
  const lastUsed = new LastUsed(sessions, log);
  const fleet = new Fleet({
    ask: options.askSupervisor,
    clock: steadyClock,
    patienceMs: timeouts.databaseMs,
  });
  const sources = { fleet, view, clock: steadyClock };
  const metrics = new Metrics(sources);
  const past = new RecentPast({ ...sources, dates: clock, everyMs: timeouts.reportMs });
  const servers = new ServerPorts({
    view,
    sessions,
    clock: steadyClock,
    log,
    ticketMs: timeouts.ticketMs,
    onReport: (id, report) => metrics.reported(id, report),
  });
  const known = new KnownSessions({ sessions, clock: steadyClock });
  const revoke = revoker(known, servers);
  const placement = new Placement({
    view,
    dutyOf: (server) => fleet.dutyOf(server),
    strategy,
    clock: steadyClock,
    random,
    reportMs: timeouts.reportMs,
    onPlaced: (id) => metrics.requests.placed(id),
  });
  const mover = new Mover({
    view,
    servers,
    fleet,
    grants,
    clock,
    steadyClock,
    random,
    log,
    publicHost: options.publicHost,
    strategy: options.strategy,
    onMoved: (from, moved) => {
      metrics.requests.moved(from, moved);
      past.moved(from, moved);
    },
    limits,
    timeouts,
  });
  let archive: Listening | null = null;

  // What fails from here on must not leave timers behind.
  let created: CreatedApp | null = null;
  let pool: OpaqueServer | null = null;
  const close = async (): Promise<void> => {
    const late = clock.after(timeouts.stopMs * CLOSE_SHARE, () => created?.disconnect());
    admission.close();
    mover.close();
    fleet.close();
    past.close();
    metrics.close();
    await created?.app.close();
    late.cancel();
    await lastUsed.settled();
    servers.close();
    await pool?.close();
  };
  try {
    created = await createApp({ ...options, metrics: metrics.requests });
    const { app, rates } = created;
    const opaque = await openOpaquePool({
      setup: opaqueSetup,
      threads: options.opaqueThreads,
      maxQueue: limits.pendingLogins,
    });
    pool = opaque;
    addRoutes(
      app,
      {
        accounts,
        sessions,
        known,
        lastUsed,
        vouchers: sqlVouchers(database),
        invites,
        registration: options.registration,
        opaque,
        pendingLogins: new PendingLogins({
          clock,
          random,
          most: limits.pendingLogins,
          lifetimeMs: timeouts.loginMs,
        }),
        costs,
        admission,
        placement,
        revoke,
        grants,
        clock,
        random,
        limits,
        timeouts,
        publicHost: options.publicHost,
        archive: () => archive,
      },
      rates,
    );
    const { operatorTokenHash } = options;
    await addOperatorRoutes(app, {
      ...sources,
      operatorTokenHash,
      past,
      metrics,
      mover,
      log,
      strategy: options.strategy,
      people: {
        users: sqlUsers(database),
        invites,
        registration: options.registration,
        revoke,
        clock,
        random,
        mostInvites: limits.invites,
      },
    });
    health(app, {
      database,
      clock: steadyClock,
      hasArchive: () => archive !== null && fleet.runs("archive"),
      hasServers: () => placement.possible,
    });
    await addLoadPage(app);
    return {
      listening: await listen(app, options.host, options.port, log),
      addServer: (entry, port) => servers.add(entry, port),
      removeServer: (id, incarnation) => servers.remove(id, incarnation),
      setArchive: (listening) => (archive = listening),
      fleet,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
