/**
 * The balancer in a simulated thread: its routes, placement, load view and lines to the servers, without the HTTPS
 * server around them, which needs real sockets.
 */
import { Compile, type Validator } from "#typebox/compile";
import type { TSchema } from "#typebox";
import type { Config } from "../../src/config.js";
import { Admission } from "../../src/lb/admission.js";
import type { App } from "../../src/lb/app.js";
import type { BalancerContext } from "../../src/lb/context.js";
import { httpFailure, noSuchRoute } from "../../src/lb/http-failure.js";
import { KnownSessions, revoker } from "../../src/lb/known-sessions.js";
import { LastUsed } from "../../src/lb/last-used.js";
import { LoadView } from "../../src/lb/load-view.js";
import { Mover } from "../../src/lb/mover.js";
import { Fleet, type AskSupervisor } from "../../src/lb/operator/fleet.js";
import { PasswordCosts } from "../../src/lb/password-costs.js";
import { PendingLogins } from "../../src/lb/pending-logins.js";
import { Placement } from "../../src/lb/placement.js";
import type { RateLimits } from "../../src/lb/rate-limits.js";
import { addRoutes } from "../../src/lb/routes.js";
import { ServerPorts } from "../../src/lb/server-ports.js";
import { STRATEGIES } from "../../src/lb/strategy-choice.js";
import { PATHS } from "../../src/protocol/http.js";
import { FastChatError, isErrorCode } from "../../src/protocol/errors.js";
import type { AccountId, ServerId } from "../../src/protocol/ids.js";
import type { Log, Random } from "../../src/protocol/runtime.js";
import type { FleetOrder, Listening } from "../../src/protocol/threads.js";
import type { Grants } from "./grants.js";
import { HOST, type HttpRequest, type Listener, type Network } from "./network.js";
import { opaqueServer } from "./opaque.js";
import type { ServiceStores } from "./service-store.js";
import type { Body } from "./supervisor.js";
import type { SimulatedThread } from "./thread.js";

export interface BalancerThreadOptions {
  readonly port: number;
  readonly thread: SimulatedThread;
  readonly limits: Config["limits"];
  readonly timeouts: Config["timeouts"];
  readonly strategy: string;
  readonly stores: ServiceStores;
  readonly grants: Grants;
  readonly network: Network;
  readonly random: Random;
  readonly log: Log;
  readonly askSupervisor: AskSupervisor;
}

export interface BalancerBody extends Body {
  /** Has the supervisor do what an operator wants of it. */
  order(order: FleetOrder): Promise<void>;
  /** Has an account's sessions go on at that server, whatever the load. */
  move(account: AccountId, to: ServerId): void;
}

/** How often anybody may ask is counted by real time, and so not at all here. */
const UNLIMITED: RateLimits = {
  register: { config: { rateLimit: { max: Infinity } } },
  login: { config: { rateLimit: { max: Infinity } } },
  countEvaluation: () => Promise.resolve(),
};

const COST = { algorithm: "argon2id", iterations: 1, memoryKiB: 8, parallelism: 1 } as const;

export async function startBalancer(options: BalancerThreadOptions): Promise<BalancerBody> {
  const { port, thread, limits, timeouts, stores, grants, network, random, log } = options;
  const { clock } = thread;
  const strategy = STRATEGIES[options.strategy];
  if (strategy === undefined) throw new Error(`no strategy is called ${options.strategy}`);
  const { accounts, sessions, vouchers } = stores;
  const costs = new PasswordCosts(COST, "simulated", await accounts.stretchings());
  const view = new LoadView({
    placementMs: timeouts.ticketMs,
    capacity: limits.connectionsPerServer,
    warmUpMs: timeouts.warmUpMs,
  });
  const servers = new ServerPorts({ view, sessions, clock, log, ticketMs: timeouts.ticketMs });
  const known = new KnownSessions({ sessions, clock });
  const admission = new Admission({ clock, perSecond: limits.placementsPerSecond });
  const fleet = new Fleet({ ask: options.askSupervisor, clock, patienceMs: timeouts.databaseMs });
  const mover = new Mover({
    view,
    servers,
    fleet,
    grants,
    clock,
    steadyClock: clock,
    random,
    log,
    publicHost: HOST,
    strategy: options.strategy,
    limits,
    timeouts,
  });
  let archive: Listening | null = null;
  const context: BalancerContext = {
    accounts,
    sessions,
    known,
    lastUsed: new LastUsed(sessions, log),
    admission,
    vouchers,
    // Everybody may sign up, and no operator is there.
    registration: "open",
    invites: { isGood: () => Promise.resolve(false) },
    opaque: opaqueServer,
    pendingLogins: new PendingLogins({
      clock,
      random,
      most: limits.pendingLogins,
      lifetimeMs: timeouts.loginMs,
    }),
    costs,
    placement: new Placement({
      view,
      dutyOf: (server) => fleet.dutyOf(server),
      strategy,
      clock,
      random,
      reportMs: timeouts.reportMs,
    }),
    revoke: revoker(known, servers),
    grants,
    clock,
    random,
    limits,
    timeouts,
    publicHost: HOST,
    archive: () => archive,
  };
  const routes = new Routes();
  addRoutes(routes as unknown as App, context, UNLIMITED);
  const listener: Listener = { kind: "http", thread, answer: (request) => routes.answer(request) };
  return {
    listening: network.listen(port, listener),
    order: (order) => fleet.order(order),
    move(account, to) {
      for (const { id: from } of view.servers(clock.now())) {
        const own = [...view.sessionsOf(from)].filter(([, session]) => session.account === account);
        if (from !== to) mover.move(own.map(([session]) => ({ session, from, to })));
      }
    },
    onMessage(message) {
      switch (message.type) {
        case "server":
          return servers.add(message.server, message.port.belongsTo(thread));
        case "serverGone":
          return servers.remove(message.id, message.incarnation);
        case "archive":
          archive = message.listening;
          return;
        case "fleet":
          return fleet.update(message.threads, message.rebalancing);
        case "ordered":
          return fleet.ordered(message.ref, message.error);
        case "ping":
        case "stop":
        case "link":
        case "unlink":
        case "balancer":
        case "prepare":
        case "activate":
          return;
      }
    },
    stop() {
      network.close(listener);
      admission.close();
      mover.close();
      fleet.close();
      servers.close();
      return Promise.resolve();
    },
  };
}

interface RouteOptions {
  readonly schema: { readonly body?: TSchema };
}
interface Asked {
  readonly body: unknown;
  readonly params: Readonly<Record<string, string>>;
  readonly headers: { readonly authorization?: string };
}
type Handler = (asked: Asked, reply: Reply) => unknown;

/** A handler may answer by its reply instead of by what it returns. */
class Reply {
  code(): this {
    return this;
  }
  send(body: unknown): unknown {
    return body;
  }
}

const validators = new WeakMap<TSchema, Validator>();

/** What the routes need of fastify: they are kept, and bodies are held to their schemas. */
class Routes {
  readonly #handlers = new Map<string, { readonly options: RouteOptions; readonly handler: Handler }>();

  get(path: string, options: RouteOptions, handler: Handler): void {
    this.#handlers.set(`GET ${path}`, { options, handler });
  }

  post(path: string, options: RouteOptions, handler: Handler): void {
    this.#handlers.set(`POST ${path}`, { options, handler });
  }

  /** @throws FastChatError as a client makes it of the answer */
  async answer({ method, path, body, token }: HttpRequest): Promise<unknown> {
    try {
      const known = this.#handlers.get(`${method} ${path}`);
      const [route, params] = known === undefined ? this.#cardOf(method, path) : [known, {}];
      const { schema } = route.options;
      if (schema.body !== undefined && !validatorOf(schema.body).Check(body)) {
        throw new FastChatError("badRequest", "body is not of its form.");
      }
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return await route.handler({ body, params, headers }, new Reply());
    } catch (error) {
      const { body: failure } = httpFailure(error);
      const code = isErrorCode(failure.code) ? failure.code : "internal";
      throw new FastChatError(code, failure.message, failure.retryAfterMs, { cause: error });
    }
  }

  #cardOf(method: string, path: string) {
    const prefix = `${PATHS.cards}/`;
    const route = this.#handlers.get(`${method} ${prefix}:name`);
    if (route === undefined || !path.startsWith(prefix)) throw noSuchRoute(method, path);
    return [route, { name: decodeURIComponent(path.slice(prefix.length)) }] as const;
  }
}

function validatorOf(schema: TSchema): Validator {
  let validator = validators.get(schema);
  if (validator === undefined) validators.set(schema, (validator = Compile(schema)));
  return validator;
}
