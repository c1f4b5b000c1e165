import { FastChatError } from "../../../protocol/errors.js";
import { toldChat } from "./chats.js";
import type { Caller, HandlerContext, ReplyOf, RequestOf } from "./context.js";

/** How long a client waits at most before it hears that there is nothing new, in milliseconds. */
const WAIT_MS = 15_000;
/** How much of an answer notes may take; the rest is the entries'. */
const CHATS_SHARE = 1 / 4;

/**
 * Waits for what other connections add (long poll).
 *
 * @throws FastChatError `conflict` where this connection waits already
 */
export async function follow(
  context: HandlerContext,
  caller: Caller,
  request: RequestOf<"follow">,
): Promise<ReplyOf<"news">> {
  const { store, ask, followers, pageBytes } = context;
  const { ref, after, revision, limit } = request;
  const { archive } = caller;
  if (followers.has(caller)) throw new FastChatError("conflict", "This connection waits already.");
  if (!(await hasNews(context, caller, request))) {
    return { type: "news", ref, entries: [], chats: [], more: false };
  }
  const chatBytes = Math.floor(pageBytes * CHATS_SHARE);
  const changed = await ask(() => store.changedChats({ archive, revision, limit, maxBytes: chatBytes }));
  const page = await ask(() =>
    store.page({ archive, direction: "after", from: after, limit, maxBytes: pageBytes - chatBytes }),
  );
  return {
    type: "news",
    ref,
    entries: [...page.entries],
    chats: changed.chats.map(toldChat),
    more: page.more || changed.more,
  };
}

/** @returns once there is news, or false after {@link WAIT_MS} without, or where nobody waits any longer */
async function hasNews(
  { store, ask, followers, pollMs }: HandlerContext,
  caller: Caller,
  { after, revision }: RequestOf<"follow">,
): Promise<boolean> {
  for (let left = WAIT_MS; left > 0; left -= pollMs) {
    // From here on what comes wakes; what came before is looked for now.
    const waiting = followers.wait(caller, Math.min(left, pollMs));
    try {
      const head = await ask(() => store.find(caller.archive));
      const nothing = head !== null && head.counter <= after && head.revision <= revision;
      if (!nothing || (await waiting)) return true;
    } finally {
      followers.leave(caller);
    }
    if (!caller.connected()) return false;
  }
  return false;
}
