/**
 * The servers and their figures now, as a table: the one part of the page that tells everything without a picture.
 *
 * @typedef {import("../../protocol/operator.js").ServerStatus} ServerStatus
 * @typedef {import("../../protocol/operator.js").PartStatus} PartStatus
 */
import { html, svg, update } from "./elements.js";
import { bytes, milliseconds, rate, whole } from "./format.js";
import { lookOf, swatch } from "./looks.js";

/** @type {readonly { title: string, cell: (server: ServerStatus) => string }[]} */
const COLUMNS = [
  { title: "Messages/s", cell: ({ messagesPerSecond }) => rate(messagesPerSecond) },
  { title: "Traffic/s", cell: ({ bytesPerSecond }) => bytes(bytesPerSecond) },
  { title: "Loop delay", cell: ({ loopDelayMs }) => milliseconds(loopDelayMs) },
  { title: "Queued", cell: ({ queued }) => whole(queued) },
  { title: "Restarts", cell: ({ restarts }) => whole(restarts) },
];

/**
 * @param {HTMLTableElement} table
 * @param {readonly ServerStatus[]} servers
 */
export function drawServers(table, servers) {
  const most = Math.max(1, ...servers.map(({ connections }) => connections));
  const titles = ["Server", "State", "Connections", ...COLUMNS.map(({ title }) => title)];
  const head = html(
    "thead",
    { role: "rowgroup" },
    html(
      "tr",
      { role: "row" },
      ...titles.map((title, at) =>
        html("th", { role: "columnheader", scope: "col", class: at > 1 && "number" }, title),
      ),
    ),
  );
  const rows = servers.map((server) => {
    const look = lookOf(server.id);
    const coming = server.placed > 0 ? ` (+${whole(server.placed)} coming)` : "";
    return html(
      "tr",
      { role: "row", "data-server": server.id, "data-state": server.state },
      html("th", { role: "rowheader", scope: "row" }, swatch(look), server.id),
      html(
        "td",
        { role: "cell", "data-title": "State" },
        html("span", { class: "badge", "data-state": server.state }, server.state),
      ),
      html(
        "td",
        { role: "cell", class: "number wide", "data-title": "Connections" },
        html("span", {}, whole(server.connections), html("small", {}, coming)),
        shareBar(look, server.connections / most),
      ),
      ...COLUMNS.map(({ title, cell }) =>
        html("td", { role: "cell", class: "number", "data-title": title }, cell(server)),
      ),
    );
  });
  update(
    table,
    html(
      "caption",
      { class: "unseen" },
      "Every chat server now: state, connections, traffic, delay of its event loop",
    ),
    head,
    html("tbody", { role: "rowgroup" }, ...rows),
  );
}

/**
 * @param {HTMLElement} list
 * @param {readonly PartStatus[]} parts
 */
export function drawParts(list, parts) {
  update(
    list,
    ...parts.map(({ id, state, trouble, restarts }) => {
      const told = [trouble ?? state, ...(restarts > 0 ? [`${restarts} restarts`] : [])].join(", ");
      return html("li", { "data-well": String(state === "running" && trouble === null) }, `${id}: ${told}`);
    }),
  );
}

/**
 * @param {HTMLElement} list
 * @param {readonly string[]} servers
 */
export function drawLegend(list, servers) {
  update(list, ...servers.map((id) => html("li", {}, swatch(lookOf(id)), id)));
}

/**
 * How much it has beside the fullest.
 *
 * @param {import("./looks.js").Look} look
 * @param {number} share from 0 to 1
 */
function shareBar({ color }, share) {
  return svg(
    "svg",
    { class: "share", viewBox: "0 0 100 5", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "all", width: 100, height: 5 }),
    svg("rect", { "data-color": color, width: (share * 100).toFixed(1), height: 5 }),
  );
}
