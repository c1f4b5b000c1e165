/** Which strategy a configuration names: one of ours, or a module of one's own. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { FastChatError } from "../protocol/errors.js";
import type { Strategy } from "./strategy.js";
import { boundedConsistentHash } from "./strategies/bounded-consistent-hash.js";
import { leastBusy } from "./strategies/least-busy.js";
import { leastConnections } from "./strategies/least-connections.js";
import { powerOfTwoChoices } from "./strategies/power-of-two-choices.js";
import { random } from "./strategies/random.js";
import { roundRobin } from "./strategies/round-robin.js";

/** By the names that the field uses. */
export const STRATEGIES: Readonly<Record<string, Strategy>> = {
  "least-busy": leastBusy,
  "least-connections": leastConnections,
  "power-of-two-choices": powerOfTwoChoices,
  "round-robin": roundRobin,
  random,
  "bounded-consistent-hash": boundedConsistentHash,
};

/**
 * Finds a strategy.
 *
 * @param name one of {@link STRATEGIES}, or the path of an ES module, relative to the working folder, that exports
 * the function as `strategy` or as its default
 * @throws FastChatError `badConfig`
 */
export async function chooseStrategy(name: string): Promise<Strategy> {
  const ours = Object.hasOwn(STRATEGIES, name) ? STRATEGIES[name] : undefined;
  if (ours !== undefined) return ours;
  const known = Object.keys(STRATEGIES).join(", ");
  if (!/\.m?js$/.test(name)) {
    throw new FastChatError(
      "badConfig",
      `strategy is "${name}"; it must be one of ${known}, or the path of a module that ends in .js or .mjs.`,
    );
  }
  const module = await load(name);
  const strategy = module["strategy"] ?? module["default"];
  if (typeof strategy !== "function") {
    throw new FastChatError(
      "badConfig",
      `strategy is "${name}"; that module must export a function named "strategy", or one as its default.`,
    );
  }
  // What it answers is checked with every placement.
  return strategy as Strategy;
}

async function load(path: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as Record<string, unknown>;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FastChatError("badConfig", `strategy is "${path}"; it cannot be loaded: ${reason}`, undefined, {
      cause,
    });
  }
}
