/**
 * The server with the lowest score of connections, traffic and lag, all expressed in connections:
 *
 * ```
 * score = n + t + (C / k) · lag
 * t = C · (m + r · C / k) / (M + r · C) - C / k, but no more than b and no less than -b
 * ```
 *
 * n are the server's connections, those on their way included, and C those of all k servers; m are its messages a
 * second and M those of all. t is the server's share of the traffic, turned into the connections by which it is more
 * than its equal share, were all connections alike. b is half of what evening.ts tolerates, in whole connections: one
 * session that sends more than all others would otherwise keep everybody away from its server, while others are moved
 * there. Where b is 0, as for a few dozen connections each, messages do not even decide between equals. r is a prior:
 * every connection is taken to carry r messages a second beside those measured, so that a quiet service is shared out
 * by connections alone and a handful of messages does not decide who is busy. lag is 0 for a loop that keeps up with
 * its peers', and 1, an average server's connections more, for each {@link LAG_UNIT_MS} it is behind.
 *
 * n is fresh with every placement; what was reported up to a second ago only shifts the level at which the next
 * connections fill up, so that no herd follows a report.
 */
import { toleratedDifference } from "../evening.js";
import { expectedConnections, lowest, type ServerLoad, type Strategy } from "../strategy.js";

/** The prior r, in messages a second for each connection: that of a lively conversation, in and out. */
const PRIOR_MESSAGES_PER_SECOND = 5;
/** Delays below this come from the machine, not from the load. */
const LAG_FLOOR_MS = 100;
const LAG_UNIT_MS = 100;

export const leastBusy: Strategy = (servers, { draws }) => {
  const connections = sum(servers, expectedConnections);
  const messages = sum(servers, (server) => server.messagesPerSecond);
  const prior = Math.max(1, connections) * PRIOR_MESSAGES_PER_SECOND;
  const tolerated = LAG_FLOOR_MS + 2 * Math.min(...servers.map((server) => server.loopDelayMs));
  const average = connections / servers.length;
  const bound = Math.floor(toleratedDifference(average) / 2);
  const score = (server: ServerLoad): number => {
    const share = (server.messagesPerSecond + prior / servers.length) / (messages + prior);
    const traffic = Math.max(-bound, Math.min(bound, connections * share - average));
    const lag = Math.max(0, server.loopDelayMs - tolerated) / LAG_UNIT_MS;
    return expectedConnections(server) + traffic + average * lag;
  };
  return lowest(servers, score, draws[0]).id;
};

function sum(servers: readonly ServerLoad[], value: (server: ServerLoad) => number): number {
  return servers.reduce((total, server) => total + value(server), 0);
}
