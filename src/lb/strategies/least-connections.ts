/** The server with the fewest connections, those on their way included. */
import { expectedConnections, lowest, type Strategy } from "../strategy.js";

export const leastConnections: Strategy = (servers, { draws }) =>
  lowest(servers, expectedConnections, draws[0]).id;
