import { FastChatError } from "../../../protocol/errors.js";
import type { Caller, HandlerContext, ReplyOf, RequestOf } from "./context.js";

/**
 * Adds entries. While the database is away this waits as long as the connection lasts.
 *
 * @throws FastChatError `quotaExceeded`; `unavailable` where too much waits already
 */
export async function append(
  { writer, followers }: HandlerContext,
  caller: Caller,
  { ref, entries }: RequestOf<"append">,
): Promise<ReplyOf<"appended">> {
  const outcome = await writer.append(caller.archive, entries, caller.connected);
  switch (outcome.type) {
    case "appended":
      if (outcome.results.some(({ had }) => !had)) followers.wake(caller.archive, caller);
      return { type: "appended", ref, results: [...outcome.results] };
    case "full":
      throw new FastChatError("quotaExceeded", "The archive has no room for these entries.");
    case "noSuchArchive":
      throw new FastChatError("noSuchArchive", "The archive is no more.");
  }
}
