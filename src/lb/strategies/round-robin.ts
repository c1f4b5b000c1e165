/** Each server in its turn, whatever its load. */
import type { Strategy } from "../strategy.js";
import { drawn } from "../strategy.js";

export const roundRobin: Strategy = (servers, { turn }) =>
  drawn(servers, (turn % servers.length) / servers.length).id;
