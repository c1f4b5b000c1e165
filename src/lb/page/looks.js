/** Which colour stands for what. */
import { html } from "./elements.js";

/** @typedef {{ readonly color: string, readonly dashed: boolean }} Look `color` names one of the style sheet's */

/** Colours that the style sheet has for servers; further servers have them again, dashed. */
const COLORS = 8;

/** @type {Map<string, Look>} */
const looks = new Map();

/**
 * The look of a server: in the order in which they were first seen, and for as long as the page is open.
 *
 * @param {string} id
 * @returns {Look}
 */
export function lookOf(id) {
  const known = looks.get(id);
  if (known !== undefined) return known;
  const look = { color: String(looks.size % COLORS), dashed: looks.size >= COLORS };
  looks.set(id, look);
  return look;
}

/** Of lines that are no server's. @satisfies {Record<string, Look>} */
export const LOOKS = {
  connections: { color: "one", dashed: false },
  messages: { color: "other", dashed: true },
};

/** @param {Look} look */
export function swatch({ color, dashed }) {
  return html("i", { class: "swatch", "data-color": color, "data-dashed": dashed, "aria-hidden": "true" });
}
