import type { Caller, HandlerContext, ReplyOf, RequestOf } from "./context.js";
import { pageReply } from "./page-reply.js";

/** Finds one entry by its tag: a page of one, or of none. */
export async function find(
  { store, ask }: HandlerContext,
  { archive }: Caller,
  { ref, entry: tag }: RequestOf<"find">,
): Promise<ReplyOf<"page">> {
  const entry = await ask(() => store.entry(archive, tag));
  return pageReply(ref, { entries: entry === null ? [] : [entry], more: false });
}
