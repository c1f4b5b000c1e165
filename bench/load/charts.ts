/** The charts of a report, as SVG that needs nothing else. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { Quantile } from "./latencies.js";
import { spreadOf } from "../../src/lb/spread.js";
import type { ServerFigures } from "./report-schema.js";

/** All of a browser that the library needs. Its own types are those of a browser, which Node has not. */
const { document } = parseHTML("<html><body></body></html>") as { readonly document: object };
const plot = Plot.plot as (options: Options) => { readonly outerHTML: string };
const WIDTH = 780;
const HEIGHT = 260;
/** How far an axis goes beyond what is shown. */
const ROOM = 1.12;

/** What a chart is made of, in the library's words. */
type Options = Readonly<Record<string, unknown>>;

/** A value of one server, or thread, at a time. */
export interface Point {
  /** Milliseconds from the beginning of the warm-up. */
  readonly at: number;
  readonly name: string;
  readonly value: number;
}

/** One line for each name over time. */
export function overTime(
  points: readonly Point[],
  names: readonly string[],
  label: string,
  marks: readonly Mark[],
): string {
  const top = Math.max(0, ...points.map(({ value }) => value));
  return svg({
    x: { label: "seconds" },
    // Some room above: what does not change would lie on the frame.
    y: { label, grid: true, domain: [0, top === 0 ? 1 : top * ROOM], ticks: 6 },
    color: colorsOf(names),
    marks: [
      Plot.ruleY([0]),
      ...markLines(marks),
      Plot.lineY(
        points.map(({ at, name, value }) => ({ seconds: at / 1000, name, value })),
        { x: "seconds", y: "value", stroke: "name", strokeWidth: 1.8 },
      ),
    ],
  });
}

/** A moment that is worth a line. */
export interface Mark {
  /** Milliseconds from the beginning of the warm-up. */
  readonly at: number;
  /** What it is, where that is not said elsewhere. */
  readonly what?: string;
}

/** Lines at moments, and what they are. */
function markLines(marks: readonly Mark[]): readonly unknown[] {
  return [
    ...marks.map(({ at }) => Plot.ruleX([at / 1000], { strokeDasharray: "4 3" })),
    Plot.text(
      marks.filter(({ what }) => what !== undefined),
      {
        x: ({ at }: Mark) => at / 1000,
        text: "what",
        frameAnchor: "top",
        textAnchor: "start",
        lineAnchor: "top",
        dx: 4,
        dy: 2,
      },
    ),
  ];
}

/** Steps over time, a line for each name. @param domain of the values; from 0 to a little above the highest if missing */
export function stepsOverTime(
  points: readonly Point[],
  label: string,
  marks: readonly Mark[],
  domain?: readonly [number, number],
): string {
  const top = Math.max(0, ...points.map(({ value }) => value));
  return svg({
    x: { label: "seconds" },
    y: { label, grid: true, domain: domain ?? [0, top === 0 ? 1 : top * ROOM], ticks: 6 },
    color: colorsOf([...new Set(points.map(({ name }) => name))]),
    marks: [
      ...markLines(marks),
      Plot.lineY(
        points.map(({ at, name, value }) => ({ seconds: at / 1000, name, value })),
        { x: "seconds", y: "value", stroke: "name", strokeWidth: 1.5, curve: "step-after" },
      ),
    ],
  });
}

/** How even the servers' shares were in each whole second. The first, in which nobody had written when it began, is left out. */
export function evennessOverTime(points: readonly Point[], servers: number, marks: readonly Mark[]): string {
  const seconds = new Map<number, number[]>();
  for (const { at, value } of points) {
    const second = Math.floor(at / 1000);
    const shares = seconds.get(second) ?? [];
    seconds.set(second, shares);
    shares.push(value);
  }
  const even = [...seconds]
    .filter(([second, shares]) => second > 0 && shares.length === servers)
    .map(([second, shares]) => ({ second, jain: spreadOf(shares).jain }));
  return svg({
    x: { label: "seconds" },
    y: {
      label: "Jain's index",
      grid: true,
      domain: [Math.min(0.9, ...even.map(({ jain }) => jain)), 1],
      ticks: 6,
    },
    marks: [
      Plot.ruleY([1]),
      ...markLines(marks),
      Plot.lineY(even, { x: "second", y: "jain", stroke: "var(--one)", strokeWidth: 1.8 }),
    ],
  });
}

/** Each server's share of one thing, and where all would be equal. */
export function shares(
  servers: readonly ServerFigures[],
  value: (server: ServerFigures) => number,
  label: string,
): string {
  const bars = servers.map((server) => ({ server: server.server, value: value(server) }));
  const mean = bars.reduce((sum, bar) => sum + bar.value, 0) / Math.max(1, bars.length);
  const top = Math.max(1, ...bars.map((bar) => bar.value));
  return svg(
    {
      x: { label: null },
      marginBottom: 28,
      y: { label, grid: true, domain: [0, top * ROOM], ticks: 5 },
      marks: [
        Plot.barY(bars, { x: "server", y: "value", fill: "server" }),
        Plot.ruleY([mean], { strokeDasharray: "4 3" }),
        Plot.ruleY([0]),
        Plot.text(bars, {
          x: "server",
          y: "value",
          text: (bar: { value: number }) => bar.value.toLocaleString("en"),
          dy: -8,
          fill: "currentColor",
          fontWeight: 600,
          // Legible where the line of the mean runs through it.
          stroke: "var(--paper)",
          strokeWidth: 4,
        }),
      ],
      color: colorsOf(bars.map(({ server }) => server)),
    },
    360,
    220,
  );
}

/** Latencies by how many nines of the messages were no slower. */
export function latencyCurves(
  curves: readonly { readonly name: string; readonly points: readonly Quantile[] }[],
): string {
  const points = curves.flatMap(({ name, points: quantiles }) =>
    quantiles.map(({ share, ms }) => ({ name, nines: -Math.log10(1 - Math.min(share, 0.999999)), ms })),
  );
  const all = points.map(({ ms }) => ms);
  const least = Math.min(10, ...all);
  const most = Math.max(10, ...all);
  const steps = decades(least, most);
  return svg({
    x: {
      label: "share of the messages that were no slower",
      tickFormat: nines,
      ticks: [0, 1, 2, 3, 4, 5],
    },
    y: {
      label: "ms",
      type: "log",
      // Some room above and below.
      domain: [least / ROOM, most * ROOM],
      axis: null,
    },
    marks: [
      Plot.gridY(steps),
      Plot.axisY(steps, { label: "ms", tickFormat: (ms: number) => ms.toLocaleString("en") }),
      Plot.lineY(points, { x: "nines", y: "ms", stroke: "name", strokeWidth: 1.8 }),
    ],
    color: colorsOf(curves.map(({ name }) => name)),
  });
}

/** The first name has the first colour, as in a legend. */
function colorsOf(names: readonly string[]): Options {
  return { legend: false, domain: names, range: names.map((_, index) => COLORS[index % COLORS.length]) };
}

/** 1, 2 and 5 of each power of ten in between. */
function decades(least: number, most: number): number[] {
  const from = Math.floor(Math.log10(least));
  const to = Math.ceil(Math.log10(most));
  return Array.from({ length: to - from + 1 }, (_, power) =>
    [1, 2, 5].map((one) => one * 10 ** (from + power)),
  )
    .flat()
    .filter((ms) => ms >= least / ROOM && ms <= most * ROOM);
}

/** Tableau's ten, which are told apart by most eyes, on light and on dark. */
export const COLORS = [
  "#4e79a7",
  "#f28e2c",
  "#e15759",
  "#76b7b2",
  "#59a14f",
  "#edc949",
  "#af7aa1",
  "#ff9da7",
  "#9c755f",
  "#bab0ab",
] as const;

function nines(value: number): string {
  if (value === 0) return "0 %";
  const share = (1 - 10 ** -value) * 100;
  return `${Number(share.toPrecision(Math.max(2, Math.floor(value) + 1)))} %`;
}

function svg(options: Options, width = WIDTH, height = HEIGHT): string {
  const chart = plot({
    width,
    height,
    marginLeft: 60,
    marginBottom: 44,
    style: { background: "transparent", color: "currentColor", fontFamily: "inherit", fontSize: "12px" },
    ...options,
    document,
  });
  return `<div class="chart${width === WIDTH ? " wide" : ""}">${chart.outerHTML}</div>`;
}
