/** The state of everything as a table for people. */
import type { ChalkInstance } from "chalk";
import type { OperatorStatus, ServerStatus } from "../protocol/operator.js";
import { alignColumns } from "./columns.js";

const COLUMNS: readonly { readonly title: string; readonly cell: (server: ServerStatus) => string }[] = [
  { title: "connections", cell: ({ connections }) => whole(connections) },
  { title: "coming", cell: ({ placed }) => whole(placed) },
  { title: "msgs/s", cell: ({ messagesPerSecond }) => whole(messagesPerSecond) },
  { title: "kB/s", cell: ({ bytesPerSecond }) => whole(bytesPerSecond / 1000) },
  { title: "loop p99", cell: ({ loopDelayMs }) => `${loopDelayMs.toFixed(1)} ms` },
  { title: "queued", cell: ({ queued }) => whole(queued) },
  { title: "restarts", cell: ({ restarts }) => whole(restarts) },
];
/** Behind id and state. */
const FIGURES_FROM = 2;

export function drawStatus(
  { version, strategy, servers, parts, evenness }: OperatorStatus,
  paint: ChalkInstance,
): string {
  const head = ["server", "state", ...COLUMNS.map(({ title }) => title)];
  const rows = servers.map((server) => [server.id, server.state, ...COLUMNS.map(({ cell }) => cell(server))]);
  const others = parts.map(({ id, state, trouble, restarts }) => {
    const told = [
      state,
      ...(trouble === null ? [] : [trouble]),
      ...(restarts === 0 ? [] : [`${restarts} restarts`]),
    ];
    return `${id}: ${told.join(", ")}`;
  });
  const { connections, messages } = evenness;
  const even = `evenness (Jain): connections ${share(connections.jain)}, messages ${share(messages.jain)}`;
  return [
    `FastChat ${version}, placement ${strategy}`,
    "",
    alignColumns(head, rows, paint, FIGURES_FROM),
    "",
    even,
    ...(others.length > 0 ? ["", ...others] : []),
  ].join("\n");
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** Less than all is never shown as all. */
function share(jain: number): string {
  return jain === 1 ? "1" : Math.min(jain, 0.9999).toFixed(4);
}
