import { toHex } from "../../../protocol/bytes.js";
import { filesOf, noSuchFile, type HandlerContext, type ReplyOf, type RequestOf } from "./context.js";

/** One chunk of a file, for whoever knows the file's id. @throws FastChatError `noSuchFile`, `forbidden` */
export async function getChunk(
  context: HandlerContext,
  { ref, file, number }: RequestOf<"getChunk">,
): Promise<ReplyOf<"chunk">> {
  const files = filesOf(context);
  const sealed = await context.ask(() => files.get(toHex(file), number));
  if (sealed === null) throw noSuchFile();
  return { type: "chunk", ref, sealed };
}
