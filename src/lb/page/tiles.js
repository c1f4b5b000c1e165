/** The totals, large, each with its course over the time shown. */
import { html, svg, update } from "./elements.js";
import { pathOf } from "./line-chart.js";

/**
 * @typedef {import("./line-chart.js").Point} Point
 * @typedef {{ readonly title: string, readonly value: string, readonly note: string, readonly course: readonly Point[] }} Tile
 */

const WIDTH = 120;
const HEIGHT = 36;

/**
 * @param {HTMLElement} section
 * @param {readonly Tile[]} tiles
 */
export function drawTiles(section, tiles) {
  update(
    section,
    ...tiles.map(({ title, value, note, course }) =>
      html(
        "div",
        { class: "card tile" },
        html("h2", {}, title),
        html("p", { class: "figure" }, value),
        html("p", { class: "fine" }, note),
        spark(course),
      ),
    ),
  );
}

/** @param {readonly Point[]} course */
function spark(course) {
  const from = course[0]?.at ?? 0;
  const span = Math.max(1, (course.at(-1)?.at ?? 0) - from);
  const most = Math.max(...course.map(({ value }) => value ?? 0)) || 1;
  /** @param {number} at */
  const x = (at) => ((at - from) / span) * WIDTH;
  /** @param {number} value */
  const y = (value) => HEIGHT - 2 - (value / most) * (HEIGHT - 4);
  const line = pathOf(course, x, y);
  return svg(
    "svg",
    { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...(line === ""
      ? []
      : [
          svg("path", { class: "under", d: `${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z` }),
          svg("path", { class: "course", d: line }),
        ]),
  );
}
