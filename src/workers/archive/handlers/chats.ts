import type { StoredChat } from "../../../store/archive.js";
import type { Caller, HandlerContext, ReplyOf, RequestOf } from "./context.js";

/** Reads chats, the one with the newest entry first. */
export async function chats(
  { store, ask, pageBytes }: HandlerContext,
  { archive }: Caller,
  { ref, before, limit }: RequestOf<"chats">,
): Promise<ReplyOf<"chatPage">> {
  const page = await ask(() => store.chats({ archive, before, limit, maxBytes: pageBytes }));
  return {
    type: "chatPage",
    ref,
    chats: page.chats.map(toldChat),
    latest: [...page.latest],
    more: page.more,
  };
}

export function toldChat({ note, ...chat }: StoredChat): ReplyOf<"chatSet">["chat"] {
  return note === null ? chat : { ...chat, note };
}
