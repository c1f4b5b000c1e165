/** Ids of messages as people copy them. */
import { FastChatError } from "../../protocol/errors.js";
import { parseMessageId, type MessageId } from "../../protocol/ids.js";

/** @throws FastChatError `badRequest` */
export function requireMessageId(text: string): MessageId {
  const id = parseMessageId(text.trim().toLowerCase());
  if (id !== null) return id;
  throw new FastChatError(
    "badRequest",
    `"${text.slice(0, 64)}" is not the id of a message; history --ids shows them.`,
  );
}
