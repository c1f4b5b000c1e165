/** The one failure of everything that is opened: it says nothing of the cause, so that nobody learns from it. */
import { FastChatError } from "../protocol/errors.js";

export function undecryptable(): FastChatError {
  return new FastChatError("undecryptable", "This is damaged, forged, or meant for somebody else.");
}
