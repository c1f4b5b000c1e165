import type { EntryPage } from "../../../store/archive.js";
import type { ReplyOf } from "./context.js";

export function pageReply(ref: number, { entries, more }: EntryPage): ReplyOf<"page"> {
  return { type: "page", ref, entries: [...entries], more };
}
