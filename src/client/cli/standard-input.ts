/** The message that somebody pipes into `send`. */
import { FastChatError } from "../../protocol/errors.js";

/** More than any message may hold; the exact limit is the service's. */
const MAX_INPUT_BYTES = 1024 * 1024;

/**
 * Reads a text to its end, without the line break that ends it.
 *
 * @throws FastChatError `tooLarge`; `badRequest` where it is empty or not UTF-8
 */
export async function readText(input: AsyncIterable<Buffer | string>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > MAX_INPUT_BYTES) {
      throw new FastChatError("tooLarge", `A message of more than ${MAX_INPUT_BYTES} bytes cannot be sent.`);
    }
    chunks.push(bytes);
  }
  const text = decode(Buffer.concat(chunks)).replace(/\r?\n$/, "");
  if (text === "") throw new FastChatError("badRequest", "There is no text to send.");
  return text;
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FastChatError("badRequest", "The text on standard input is not UTF-8.", undefined, { cause });
  }
}
