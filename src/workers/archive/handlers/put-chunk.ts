import { toHex } from "../../../protocol/bytes.js";
import { FastChatError } from "../../../protocol/errors.js";
import { filesOf, noSuchFile, type HandlerContext, type ReplyOf, type RequestOf } from "./context.js";

/**
 * Stores one chunk of a file; one that is there is left as it is.
 *
 * @throws FastChatError `noSuchFile`, `tooLarge`, `forbidden`
 */
export async function putChunk(
  context: HandlerContext,
  { ref, file, number, sealed }: RequestOf<"putChunk">,
): Promise<ReplyOf<"done">> {
  const files = filesOf(context);
  const outcome = await context.ask(() => files.put(toHex(file), number, sealed));
  switch (outcome) {
    case "stored":
    case "had":
      return { type: "done", ref };
    case "noSuchFile":
      throw noSuchFile();
    case "tooLarge":
      throw new FastChatError("tooLarge", "The file would be larger than it was said to be.");
  }
}
