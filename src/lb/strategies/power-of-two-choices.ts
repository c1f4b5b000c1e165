/**
 * The better of two servers drawn at random (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing",
 * 2001): nearly as even as the best of all, and robust where the counts are old.
 */
import { drawn, expectedConnections, type Strategy } from "../strategy.js";

export const powerOfTwoChoices: Strategy = (servers, { draws }) => {
  const first = drawn(servers, draws[0]);
  // The second is drawn from the rest: the same server twice would be no choice.
  const rest = servers.filter((server) => server !== first);
  if (rest.length === 0) return first.id;
  const second = drawn(rest, draws[1]);
  return expectedConnections(second) < expectedConnections(first) ? second.id : first.id;
};
