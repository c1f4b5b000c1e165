/** Lines over time, as SVG. What they show now stands in the table, too, for whoever does not see them. */
import { html, svg, update } from "./elements.js";
import { clockTime } from "./format.js";
import { swatch } from "./looks.js";

/**
 * @typedef {import("./looks.js").Look} Look
 * @typedef {{ readonly at: number, readonly value: number | null }} Point `null` is a gap
 * @typedef {{ readonly name: string, readonly look: Look, readonly points: readonly Point[] }} Line
 * @typedef {{ readonly at: number, readonly kind: string }} Mark
 * @typedef {{ from: number, to: number, lines: readonly Line[], marks: readonly Mark[] }} Picture
 * @typedef {{ title: string, note: string, format: (value: number) => string, range: (values: readonly number[]) => [number, number] }} Options
 */

const HEIGHT = 190;
const MARGIN = { top: 10, right: 12, bottom: 22, left: 46 };
/** Points of one line, at most: more than pixels would show nothing more. */
const MOST_POINTS = 320;

export class LineChart {
  #plot = html("div", { class: "plot" });
  #tip = html("div", { class: "tip", hidden: true });
  #now = html("p", { class: "now" });
  #svg = svg("svg", { role: "img", height: HEIGHT });
  /** @type {Picture | null} */
  #picture = null;
  #width = 0;
  /** Where the pointer is, in pixels; `null` where it is elsewhere. @type {number | null} */
  #pointer = null;

  /**
   * @param {HTMLElement} figure
   * @param {Options} options
   */
  constructor(figure, options) {
    this.options = options;
    this.#plot.append(this.#svg, this.#tip);
    const head = html("figcaption", {}, html("h2", {}, options.title), this.#now);
    figure.append(head, html("p", { class: "fine" }, options.note), this.#plot);
    new ResizeObserver(([entry]) => {
      this.#width = Math.round(entry?.contentRect.width ?? 0);
      this.#redraw();
    }).observe(this.#plot);
    this.#plot.addEventListener("pointermove", (event) => {
      this.#pointer = event.clientX - this.#plot.getBoundingClientRect().left;
      this.#redraw();
    });
    this.#plot.addEventListener("pointerleave", () => {
      this.#pointer = null;
      this.#redraw();
    });
  }

  /**
   * @param {Picture} picture
   * @param {readonly { readonly text: string, readonly look?: Look }[]} now what stands beside the title
   */
  draw(picture, now) {
    this.#picture = picture;
    update(
      this.#now,
      ...now.map(({ text, look }) => html("span", {}, ...(look === undefined ? [] : [swatch(look)]), text)),
    );
    this.#svg.setAttribute("aria-label", `${this.options.title}: ${now.map(({ text }) => text).join(", ")}`);
    this.#redraw();
  }

  #redraw() {
    const picture = this.#picture;
    if (picture === null || this.#width === 0) return;
    const values = picture.lines.flatMap(({ points }) =>
      points.flatMap(({ value }) => (value === null ? [] : [value])),
    );
    const [low, high] = this.options.range(values);
    const right = this.#width - MARGIN.right;
    const bottom = HEIGHT - MARGIN.bottom;
    const span = Math.max(1, picture.to - picture.from);
    /** @param {number} at */
    const x = (at) => MARGIN.left + ((at - picture.from) / span) * (right - MARGIN.left);
    /** @param {number} value */
    const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - MARGIN.top);

    const grid = ticksOf(low, high).flatMap((tick) => [
      svg("line", { class: "grid", x1: MARGIN.left, x2: right, y1: y(tick), y2: y(tick) }),
      svg(
        "text",
        { class: "tick", x: MARGIN.left - 8, y: y(tick) + 4, "text-anchor": "end" },
        this.options.format(tick),
      ),
    ]);
    const times = timesOf(span).map(({ ago, label, anchor }) =>
      svg("text", { class: "tick", x: x(picture.to - ago), y: HEIGHT - 5, "text-anchor": anchor }, label),
    );
    const marks = picture.marks.map(({ at, kind }) =>
      svg("line", { class: "mark", "data-kind": kind, x1: x(at), x2: x(at), y1: MARGIN.top, y2: bottom }),
    );
    const lines = picture.lines.map(({ look, points }) =>
      svg("path", {
        class: "series",
        "data-color": look.color,
        "data-dashed": look.dashed,
        d: pathOf(points, x, y),
      }),
    );
    this.#svg.setAttribute("width", String(this.#width));
    this.#svg.replaceChildren(...grid, ...times, ...marks, ...lines, ...this.#pointed(picture, x, y));
  }

  /**
   * The moment below the pointer: a line, a dot on each line, and the values in a box.
   *
   * @param {Picture} picture
   * @param {(at: number) => number} x
   * @param {(value: number) => number} y
   */
  #pointed(picture, x, y) {
    const pointer = this.#pointer;
    const at =
      pointer === null ? undefined : nearest(picture.lines, (moment) => Math.abs(x(moment) - pointer));
    if (at === undefined) {
      this.#tip.hidden = true;
      return [];
    }
    const there = picture.lines.flatMap(({ name, look, points }) => {
      const value = points.find((point) => point.at === at)?.value ?? null;
      return value === null ? [] : [{ name, look, value }];
    });
    this.#tip.replaceChildren(
      html("strong", {}, clockTime(at)),
      ...there.map(({ name, look, value }) =>
        html("span", {}, swatch(look), `${name} `, html("b", {}, this.options.format(value))),
      ),
    );
    this.#tip.hidden = false;
    const place = x(at);
    this.#tip.dataset["side"] = place > this.#width / 2 ? "left" : "right";
    this.#tip.style.left = `${place}px`;
    return [
      svg("line", { class: "pointed", x1: place, x2: place, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }),
      ...there.map(({ look, value }) =>
        svg("circle", { class: "dot", "data-color": look.color, cx: place, cy: y(value), r: 3.5 }),
      ),
    ];
  }
}

/**
 * @param {readonly Line[]} lines
 * @param {(at: number) => number} distance
 * @returns {number | undefined}
 */
function nearest(lines, distance) {
  let best;
  let least = Infinity;
  for (const { at } of lines.flatMap(({ points }) => points)) {
    const away = distance(at);
    if (away < least) {
      least = away;
      best = at;
    }
  }
  return best;
}

/**
 * @param {readonly Point[]} points
 * @param {(at: number) => number} x
 * @param {(value: number) => number} y
 */
export function pathOf(points, x, y) {
  const stride = Math.max(1, Math.ceil(points.length / MOST_POINTS));
  let path = "";
  let pen = "M";
  points.forEach(({ at, value }, position) => {
    if (value === null) pen = "M";
    else if (position % stride === 0 || position === points.length - 1 || pen === "M") {
      path += `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
    }
  });
  return path;
}

/**
 * Three or four round values.
 *
 * @param {number} low
 * @param {number} high
 */
function ticksOf(low, high) {
  const rough = (high - low) / 4;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * (rough / unit > 5 ? 10 : rough / unit > 2 ? 5 : rough / unit > 1 ? 2 : 1);
  const ticks = [];
  for (let count = Math.ceil(low / step - 1e-9); count * step <= high * (1 + 1e-9); count++) {
    ticks.push(Number((count * step).toPrecision(12)));
  }
  return ticks;
}

/**
 * @param {number} span milliseconds
 * @returns {{ ago: number, label: string, anchor: string }[]}
 */
function timesOf(span) {
  const minutes = span / 60_000;
  const middle = minutes >= 2 ? `−${Number((minutes / 2).toFixed(1))} min` : `−${Math.round(span / 2000)} s`;
  return [
    {
      ago: span,
      label: minutes >= 2 ? `−${Math.round(minutes)} min` : `−${Math.round(span / 1000)} s`,
      anchor: "start",
    },
    { ago: span / 2, label: middle, anchor: "middle" },
    { ago: 0, label: "now", anchor: "end" },
  ];
}
