/** How often one address may ask, and how often anybody may try the password of one name. */
import rateLimit from "@fastify/rate-limit";
import type { FastifyRequest } from "fastify";
import type { Config } from "../config.js";
import { FastChatError } from "../protocol/errors.js";
import type { UserName } from "../protocol/ids.js";
import type { App } from "./app.js";

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
   * guesser needs, who holds one answer to a login of that name.
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
  const byName = {
    max: limits.loginsPerMinutePerAccount,
    timeWindow: MINUTE_MS,
    cache: COUNTED,
    keyGenerator: (request: FastifyRequest) => names.get(request) ?? "",
  };
  const count = app.createRateLimit(byName);
  return {
    register: routeLimit(limits.registrationsPerMinutePerAddress),
    login: routeLimit(limits.loginsPerMinutePerAddress),
    async countEvaluation(request, name) {
      names.set(request, name);
      const verdict = await count(request);
      if (!verdict.isAllowed && verdict.isExceeded) {
        throw tooMany("Too many tries for this name.", verdict.ttl);
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
