/** The charts of a report, as SVG that needs nothing else. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { ServerSample } from "./gauges.js";
import type { Quantile } from "./latencies.js";
import { spreadOf } from "./measures.js";
import type { ServerFigures } from "./report.js";

/** All of a browser that the library needs. Its own types are those of a browser, which Node has not. */
const { document } = parseHTML("<html><body></body></html>") as { readonly document: object };
const plot = Plot.plot as (options: Options) => { readonly outerHTML: string };
const WIDTH = 760;
const HEIGHT = 260;

/** What a chart is made of, in the library's words. */
type Options = Readonly<Record<string, unknown>>;

/** One line for each server over time. */
export function overTime(
  samples: readonly ServerSample[],
  value: (sample: ServerSample) => number,
  label: string,
  marks: readonly Mark[],
): string {
  const points = samples.map((sample) => ({
    seconds: sample.at / 1000,
    value: value(sample),
    server: sample.server,
  }));
  return svg({
    x: { label: "seconds" },
    y: { label, grid: true, zero: true },
    color: colorsOf([...new Set(samples.map(({ server }) => server))].sort(byNumber)),
    marks: [
      Plot.ruleY([0]),
      ...marks.map(({ at }) => Plot.ruleX([at / 1000], { strokeDasharray: "4 3" })),
      Plot.lineY(points, { x: "seconds", y: "value", stroke: "server" }),
    ],
  });
}

/** A moment that is worth a line. */
export interface Mark {
  /** Milliseconds from the beginning of the warm-up. */
  readonly at: number;
}

/** How even the servers' shares were in each second. */
export function evennessOverTime(
  samples: readonly ServerSample[],
  value: (sample: ServerSample) => number,
  servers: number,
): string {
  const seconds = new Map<number, number[]>();
  for (const sample of samples) {
    const second = Math.floor(sample.at / 1000);
    const shares = seconds.get(second) ?? [];
    seconds.set(second, shares);
    shares.push(value(sample));
  }
  const points = [...seconds]
    .filter(([, shares]) => shares.length === servers)
    .map(([second, shares]) => ({ second, jain: spreadOf(shares).jain }));
  return svg({
    x: { label: "seconds" },
    y: { label: "Jain's index", grid: true, domain: [Math.min(0.9, ...points.map(({ jain }) => jain)), 1] },
    marks: [Plot.ruleY([1]), Plot.lineY(points, { x: "second", y: "jain", stroke: "var(--one)" })],
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
  return svg(
    {
      x: { label: null },
      y: { label, grid: true, zero: true },
      marks: [
        Plot.barY(bars, { x: "server", y: "value", fill: "server" }),
        Plot.ruleY([mean], { strokeDasharray: "4 3" }),
        Plot.ruleY([0]),
        Plot.text(bars, {
          x: "server",
          y: "value",
          text: (bar: { value: number }) => bar.value.toLocaleString("en"),
          dy: 14,
          fill: "white",
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
  return svg({
    x: {
      label: "share of the messages that were no slower",
      tickFormat: nines,
      ticks: [0, 1, 2, 3, 4, 5],
      labelOffset: 34,
    },
    y: { label: "ms", grid: true, type: "log" },
    marginBottom: 42,
    marks: [Plot.lineY(points, { x: "nines", y: "ms", stroke: "name" })],
    color: colorsOf(curves.map(({ name }) => name)),
  });
}

/** The first name has the first colour, as in a legend. */
function colorsOf(names: readonly string[]): Options {
  return { legend: false, domain: names, range: names.map((_, index) => COLORS[index % COLORS.length]) };
}

/** `chat-10` behind `chat-9`. */
function byNumber(one: string, other: string): number {
  return one.localeCompare(other, "en", { numeric: true });
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
    style: { background: "transparent", color: "currentColor", fontFamily: "inherit", fontSize: "12px" },
    ...options,
    document,
  });
  return chart.outerHTML;
}
