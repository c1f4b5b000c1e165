/** What people see of a payload. */
import type { Payload } from "../../protocol/payload.js";
import type { SentFile } from "./messages.js";

export function fileOf(payload: Payload): SentFile | null {
  return payload.type === "attachment" ? { name: payload.name, bytes: payload.bytes } : null;
}

/** What a line of text shows. */
export function textOf(payload: Payload): string {
  switch (payload.type) {
    case "text":
    case "reply":
    case "edit":
      return payload.text;
    case "reaction":
      return payload.emoji;
    case "attachment":
      return `[file: ${payload.name}, ${sizeOf(payload.bytes)}] ${payload.text}`.trimEnd();
    case "title":
      return `(the group is called "${payload.title}")`;
    case "join":
      return "(asks to be let into a group, by an invite)";
    case "delete":
    case "timer":
    case "receipt":
      return `[${payload.type}]`;
    case "unknown":
      return `[a newer kind of message: ${payload.name}]`;
  }
}

/** `17 bytes`, `1.2 MiB` */
function sizeOf(bytes: number): string {
  const units = ["KiB", "MiB", "GiB", "TiB"];
  if (bytes < 1024) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  let size = bytes / 1024;
  let unit = 0;
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/** Whether people see it at all. */
export function isSeen(payload: Payload): boolean {
  return payload.type !== "receipt" && !(payload.type === "title" && payload.again === true);
}
