/** What a line of text shows of a payload. */
import type { Payload } from "../../protocol/payload.js";

export function textOf(payload: Payload): string {
  switch (payload.type) {
    case "text":
    case "reply":
    case "edit":
      return payload.text;
    case "reaction":
      return payload.emoji;
    case "attachment":
      return payload.text === "" ? `[file: ${payload.name}]` : `[file: ${payload.name}] ${payload.text}`;
    case "title":
      return `[title: ${payload.title}]`;
    case "delete":
    case "timer":
    case "read":
    case "join":
      return `[${payload.type}]`;
    case "unknown":
      return `[a newer kind of message: ${payload.name}]`;
  }
}
