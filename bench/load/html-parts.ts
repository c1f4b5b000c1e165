/** What the HTML of a report is put together from. */
import { COLORS } from "./charts.js";

export function section(title: string, content: string): string {
  return `<section><h2>${escape(title)}</h2>${content}</section>`;
}

export function figure(caption: string, chart: string): string {
  return `<figure><figcaption>${escape(caption)}</figcaption>${chart}</figure>`;
}

export function legend(names: readonly string[]): string {
  return `<p class="legend">${names
    .map(
      (name, index) =>
        `<span><i style="background:${COLORS[index % COLORS.length]}"></i>${escape(name)}</span>`,
    )
    .join("")}</p>`;
}

export function number(value: number): string {
  return value.toLocaleString("en");
}

export function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
