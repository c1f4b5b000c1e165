import { FastChatError } from "../../../protocol/errors.js";
import { toldChat } from "./chats.js";
import type { Caller, HandlerContext, ReplyOf, RequestOf } from "./context.js";

/** How long a client waits at most before it hears that there is nothing new, in milliseconds. */
const WAIT_MS = 15_000;

/**
 * Waits for what other connections add (long poll).
 *
 * @throws FastChatError `conflict` where this connection waits already
 */
export async function follow(
  { store, ask, followers, pageBytes }: HandlerContext,
  caller: Caller,
  { ref, after, revision, limit }: RequestOf<"follow">,
): Promise<ReplyOf<"news">> {
  const { archive } = caller;
  if (followers.has(caller)) throw new FastChatError("conflict", "This connection waits already.");
  const waiting = followers.wait(caller, WAIT_MS);
  try {
    const head = await ask(() => store.find(archive));
    const nothing = head !== null && head.counter <= after && head.revision <= revision;
    if (nothing && !(await waiting)) return { type: "news", ref, entries: [], chats: [], more: false };
  } finally {
    followers.leave(caller);
  }
  const page = await ask(() =>
    store.page({ archive, direction: "after", from: after, limit, maxBytes: pageBytes }),
  );
  const changed = await ask(() => store.changedChats(archive, revision, limit));
  return {
    type: "news",
    ref,
    entries: [...page.entries],
    chats: changed.map(toldChat),
    more: page.more || changed.length === limit,
  };
}
