import type { Caller, HandlerContext, ReplyOf, RequestOf } from "./context.js";

/** Reads forward what entries are known by. */
export async function digests(
  { store, ask }: HandlerContext,
  { archive }: Caller,
  { ref, after, limit }: RequestOf<"digests">,
): Promise<ReplyOf<"digestPage">> {
  const page = await ask(() => store.digests(archive, after, limit));
  return { type: "digestPage", ref, digests: [...page.digests], more: page.more };
}
