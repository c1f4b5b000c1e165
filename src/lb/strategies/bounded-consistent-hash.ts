/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2016): an account goes to the first
 * server of its own order that is below the bound, (1 + ε) times the average once this connection is counted.
 *
 * The order is that of rendezvous hashing with the weights that name an account's home (PROTOCOL.md, "Views and
 * homes"): a session mostly meets its mailbox on its own server, and deliveries save a hop.
 */
import { rendezvousWeight } from "../../protocol/view.js";
import { expectedConnections, type Strategy } from "../strategy.js";

/** ε: how much fuller than the average a server may be. */
export const SLACK = 0.25;

/** The most connections that one server may have, of `total` on `servers`. */
export function bound(total: number, servers: number): number {
  return Math.ceil(((1 + SLACK) * total) / servers);
}

export const boundedConsistentHash: Strategy = (servers, { account }) => {
  const total = servers.reduce((sum, server) => sum + expectedConnections(server), 0);
  const most = bound(total + 1, servers.length);
  // Not all can be at the bound: their loads would add up to more than the total.
  const [first] = servers
    .filter((server) => expectedConnections(server) < most)
    .map((server) => ({ id: server.id, weight: rendezvousWeight(server.id, account) }))
    .sort((a, b) => b.weight - a.weight || (a.id < b.id ? -1 : 1));
  if (first === undefined) throw new RangeError("a strategy was given no server");
  return first.id;
};
