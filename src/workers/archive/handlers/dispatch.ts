/** Every request of a client, and the file that answers it. */
import type { ArchiveReply } from "../../../protocol/archive.js";
import type { AdmissionRequest, ServedRequest } from "../connection-state.js";
import { after } from "./after.js";
import { append } from "./append.js";
import { before } from "./before.js";
import { beginFile } from "./begin-file.js";
import { blank } from "./blank.js";
import { chats } from "./chats.js";
import { checkpoint } from "./checkpoint.js";
import type { Caller, HandlerContext, ReplyOf } from "./context.js";
import { create } from "./create.js";
import { digests } from "./digests.js";
import { find } from "./find.js";
import { follow } from "./follow.js";
import { getChunk } from "./get-chunk.js";
import { open } from "./open.js";
import { ping } from "./ping.js";
import { putChunk } from "./put-chunk.js";
import { setChat } from "./set-chat.js";

/** Decides whether somebody is let in. @throws FastChatError if not */
export async function admit(context: HandlerContext, request: AdmissionRequest): Promise<ReplyOf<"opened">> {
  switch (request.type) {
    case "create":
      return create(context, request);
    case "open":
      return open(context, request);
  }
}

/** Answers a request to an open archive. @throws FastChatError with what the client is told */
export async function serve(
  context: HandlerContext,
  caller: Caller,
  request: ServedRequest,
): Promise<ArchiveReply> {
  switch (request.type) {
    case "append":
      return append(context, caller, request);
    case "before":
      return before(context, caller, request);
    case "after":
      return after(context, caller, request);
    case "find":
      return find(context, caller, request);
    case "chats":
      return chats(context, caller, request);
    case "setChat":
      return setChat(context, caller, request);
    case "follow":
      return follow(context, caller, request);
    case "digests":
      return digests(context, caller, request);
    case "blank":
      return blank(context, caller, request);
    case "beginFile":
      return beginFile(context, request);
    case "putChunk":
      return putChunk(context, request);
    case "getChunk":
      return getChunk(context, request);
    case "checkpoint":
      return checkpoint(context, caller, request);
    case "ping":
      return ping(request);
  }
}

/** Whether the answer may be large: such requests are served one at a time, as the client takes what it is sent. */
export function answersAtLength(request: ServedRequest): boolean {
  switch (request.type) {
    case "before":
    case "after":
    case "find":
    case "chats":
    case "digests":
    case "getChunk":
      return true;
    case "append":
    case "beginFile":
    case "blank":
    case "putChunk":
    case "setChat":
    case "checkpoint":
    case "ping":
      return false;
    case "follow":
      // It may wait for long, and what stands behind it must not: its answer is one page, of one such request at a time.
      return false;
  }
}
