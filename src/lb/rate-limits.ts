/** How often one address may ask, and how often anybody may try the password of one name. */
import rateLimit from "@fastify/rate-limit";
import type { FastifyRequest } from "fastify";
import type { Config } from "../config.js";
import { FastChatError } from "../protocol/errors.js";
import type { UserName } from "../protocol/ids.js";
import type { App } from "./app.js";
import { networkOf } from "./network-of.js";

const MINUTE_MS = 60_000;
/** Addresses and names that are counted at once; the one unused longest is forgotten. */
const COUNTED = 50_000;

/** Options of a route that have it counted apart from the rest. */
export interface RouteLimit {
  readonly config: { readonly rateLimit: { readonly max: number } };
}

export interface RateLimits {
  readonly register: RouteLimit;
  readonly login: RouteLimit;
  /**
   * Counts a request that has OPAQUE evaluate a password for `name`. Sign-up counts like login: both answer what a
   * guesser needs, who holds one answer to a login of that name. One address has a share of what a name may be tried:
   * a stranger who uses up its own does not keep the account's owner out.
   *
   * @throws FastChatError `tooMany`
   */
  countEvaluation(request: FastifyRequest, name: UserName): Promise<void>;
}

/** Counts all requests by address; IPv6 addresses by their /64, which one customer has. */
export async function limitRates(app: App, limits: Config["limits"]): Promise<RateLimits> {
  await app.register(rateLimit, {
    max: limits.requestsPerMinutePerAddress,
    timeWindow: MINUTE_MS,
    cache: COUNTED,
    errorResponseBuilder: (_request, { ttl }) => tooMany("Too many requests from your address.", ttl),
  });
  const names = new WeakMap<FastifyRequest, UserName>();
  const counter = (max: number, keyGenerator: (request: FastifyRequest) => string) =>
    app.createRateLimit({ max, timeWindow: MINUTE_MS, keyGenerator });
  const nameOf = (request: FastifyRequest) => names.get(request) ?? "";
  const counters = [
    // In this order: what one address has too much does not count for the name.
    counter(
      limits.loginsPerMinutePerAccountAndAddress,
      (request) => `${nameOf(request)} ${networkOf(request.ip)}`,
    ),
    counter(limits.loginsPerMinutePerAccount, nameOf),
  ];
  return {
    register: routeLimit(limits.registrationsPerMinutePerAddress),
    login: routeLimit(limits.loginsPerMinutePerAddress),
    async countEvaluation(request, name) {
      names.set(request, name);
      for (const count of counters) {
        const verdict = await count(request);
        if (!verdict.isAllowed && verdict.isExceeded) {
          throw tooMany("Too many tries for this name.", verdict.ttl);
        }
      }
    },
  };
}

function routeLimit(max: number): RouteLimit {
  return { config: { rateLimit: { max } } };
}

function tooMany(what: string, retryAfterMs: number): FastChatError {
  return new FastChatError("tooMany", `${what} Wait a little and try again.`, retryAfterMs);
}
