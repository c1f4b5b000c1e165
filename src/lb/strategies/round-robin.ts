/** Each server in its turn, whatever its load. */
import type { Strategy } from "../strategy.js";

export const roundRobin: Strategy = (servers, { turn }) => {
  const server = servers[turn % servers.length];
  if (server === undefined) throw new RangeError("a strategy was given no server");
  return server.id;
};
