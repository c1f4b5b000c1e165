/** Any server, by chance alone: what the others are compared with. */
import { drawn, type Strategy } from "../strategy.js";

export const random: Strategy = (servers, { draws }) => drawn(servers, draws[0]).id;
