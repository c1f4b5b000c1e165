/**
 * The load page: draws what the balancer says, second by second.
 *
 * @typedef {import("../../protocol/operator.js").LoadSample} Sample
 * @typedef {Sample["servers"][number]} ServerSample
 * @typedef {import("./line-chart.js").Line} Line
 * @typedef {import("./connection.js").News} News
 */
import { follow, forgetToken, takeToken } from "./connection.js";
import { byId } from "./elements.js";
import { drawEvents } from "./event-list.js";
import { bytes, index, milliseconds, rate, whole } from "./format.js";
import { LineChart } from "./line-chart.js";
import { LOOKS, lookOf } from "./looks.js";
import { Past } from "./past.js";
import { drawLegend, drawParts, drawServers } from "./server-table.js";
import { drawTiles } from "./tiles.js";

const gate = byId("gate", HTMLElement);
const board = byId("board", HTMLElement);
const link = byId("link", HTMLElement);
const range = byId("range", HTMLFieldSetElement);
const leave = byId("leave", HTMLButtonElement);
const token = byId("token", HTMLInputElement);
const refusal = byId("refusal", HTMLElement);

const past = new Past();
/** @type {import("./connection.js").OperatorStatus | null} */
let status = null;
/** @type {(() => void) | null} */
let stop = null;

/** From zero to what there is, with some air. @param {readonly number[]} values @returns {[number, number]} */
const fromZero = (values) => [0, Math.max(1, ...values) * 1.08];

const charts = {
  connections: new LineChart(byId("chart-connections", HTMLElement), {
    title: "Connections",
    note: "Sessions on each server",
    format: whole,
    range: (values) => [0, Math.max(4, ...values) * 1.08],
  }),
  messages: new LineChart(byId("chart-messages", HTMLElement), {
    title: "Messages a second",
    note: "In and out of each server",
    format: rate,
    range: fromZero,
  }),
  evenness: new LineChart(byId("chart-evenness", HTMLElement), {
    title: "Evenness",
    note: "Jain’s index: 1 when all servers have the same",
    format: (value) => String(Number(value.toFixed(4))),
    range: (values) => [Math.min(0.9, Math.floor(Math.min(1, ...values) * 10) / 10), 1],
  }),
  delay: new LineChart(byId("chart-delay", HTMLElement), {
    title: "Loop delay",
    note: "How late each server’s event loop is, 99th percentile",
    format: milliseconds,
    range: (values) => [0, Math.max(5, ...values) * 1.08],
  }),
};

function draw() {
  if (status === null) return;
  const chosen = range.querySelector("input:checked");
  const minutes = chosen instanceof HTMLInputElement ? Number(chosen.value) : 5;
  const { from, to, samples, events } = past.last(minutes);
  const latest = samples.at(-1);
  past.servers.forEach(lookOf);
  drawServers(byId("servers", HTMLTableElement), status.servers);
  drawParts(byId("parts", HTMLElement), status.parts);
  drawLegend(byId("legend", HTMLElement), past.servers);
  drawEvents(byId("events", HTMLElement), past.events, to);
  byId("no-events", HTMLElement).hidden = past.events.length > 0;
  byId("about", HTMLElement).textContent = `Version ${status.version} · placement ${status.strategy}`;

  const ofServers = (/** @type {(server: ServerSample) => number} */ value) => ({
    from,
    to,
    lines: past.servers.map((id) => ({ name: id, look: lookOf(id), points: pointsOf(samples, id, value) })),
    marks: events,
  });
  const totals = (/** @type {(server: ServerSample) => number} */ value) =>
    samples.map(({ at, servers }) => ({
      at,
      value: servers.reduce((sum, server) => sum + value(server), 0),
    }));
  const { connections, messages } = status.evenness;
  const now = {
    connections: latest?.servers.reduce((sum, server) => sum + server.connections, 0) ?? 0,
    messages: latest?.servers.reduce((sum, server) => sum + server.messagesPerSecond, 0) ?? 0,
    bytes: latest?.servers.reduce((sum, server) => sum + server.bytesPerSecond, 0) ?? 0,
    slowest: Math.max(0, ...status.servers.map(({ loopDelayMs }) => loopDelayMs)),
    serving: status.servers.filter(({ state }) => state === "serving").length,
  };
  charts.connections.draw(
    ofServers((server) => server.connections),
    [{ text: `${whole(now.connections)} in total` }],
  );
  charts.messages.draw(
    ofServers((server) => server.messagesPerSecond),
    [{ text: `${rate(now.messages)} in total` }],
  );
  charts.evenness.draw(
    {
      from,
      to,
      lines: [
        {
          name: "connections",
          look: LOOKS.connections,
          points: samples.map(({ at, evenness }) => ({ at, value: evenness.connections.jain })),
        },
        {
          name: "messages",
          look: LOOKS.messages,
          points: samples.map(({ at, evenness }) => ({ at, value: evenness.messages.jain })),
        },
      ],
      marks: events,
    },
    [
      { text: `connections ${index(connections.jain)}`, look: LOOKS.connections },
      { text: `messages ${index(messages.jain)}`, look: LOOKS.messages },
    ],
  );
  charts.delay.draw(
    ofServers((server) => server.loopDelayMs),
    [{ text: `slowest ${milliseconds(now.slowest)}` }],
  );
  drawTiles(byId("tiles", HTMLElement), [
    {
      title: "Connections",
      value: whole(now.connections),
      note: `on ${now.serving} of ${status.servers.length} servers`,
      course: totals((server) => server.connections),
    },
    {
      title: "Messages/s",
      value: rate(now.messages),
      note: "in and out",
      course: totals((server) => server.messagesPerSecond),
    },
    {
      title: "Traffic/s",
      value: bytes(now.bytes),
      note: "in and out",
      course: totals((server) => server.bytesPerSecond),
    },
    {
      title: "Evenness",
      value: index(connections.jain),
      note: `fullest: ${rate(connections.maxMinusMean)} above the mean`,
      course: samples.map(({ at, evenness }) => ({ at, value: evenness.connections.jain })),
    },
  ]);
}

/**
 * @param {readonly Sample[]} samples
 * @param {string} id
 * @param {(server: ServerSample) => number} value
 */
function pointsOf(samples, id, value) {
  return samples.map(({ at, servers }) => {
    const server = servers.find((one) => one.id === id);
    const away = server === undefined || server.state === "down" || server.state === "starting";
    return { at, value: away ? null : value(server) };
  });
}

/**
 * @param {"waiting" | "live" | "lost"} state
 * @param {string} text
 */
function tell(state, text) {
  if (link.textContent !== text) link.textContent = text;
  link.dataset["state"] = state;
  board.dataset["stale"] = String(state === "lost");
}

/** @param {boolean} inside */
function show(inside) {
  gate.hidden = inside;
  board.hidden = range.hidden = leave.hidden = !inside;
}

/** @param {string} held */
function enter(held) {
  tell("waiting", "Connecting");
  stop?.();
  stop = follow(held, {
    since: () => past.until,
    onNews(news) {
      status = news.status;
      if (!past.add(news.load)) return;
      refusal.textContent = "";
      show(true);
      tell("live", "Live");
      draw();
    },
    onLost: () => tell("lost", "Connection lost. Trying again"),
    onRefused: (reason) => ask(reason),
  });
}

/** @param {string} reason why the token is asked for, where there is more to say */
function ask(reason) {
  stop?.();
  stop = null;
  forgetToken();
  past.clear();
  status = null;
  show(false);
  tell("waiting", "Not connected");
  refusal.textContent = reason;
  token.value = "";
  token.focus();
}

byId("enter", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  refusal.textContent = "";
  enter(token.value.trim());
});
leave.addEventListener("click", () => ask(""));
range.addEventListener("change", draw);
// A link that is opened in a tab which shows the page already changes the fragment only.
addEventListener("hashchange", begin);
begin();

function begin() {
  const held = takeToken();
  if (held === null) ask("");
  else enter(held);
}
