/** One session of an engine, and what comes of running something on it. */
import { summarize, type AnswerSummary } from "./backend.js";

/** The engine, as far as the bridge needs it. */
export interface Session {
  /**
   * Runs whole messages and hands out the answer piece by piece, all before it returns. The pieces are the caller's.
   *
   * @throws any error once the engine cannot go on; what it said before was handed out
   */
  run(input: Uint8Array, onOutput: (chunk: Uint8Array) => void): void;
}

export type Outcome =
  | { readonly kind: "answer"; readonly bytes: Uint8Array; readonly summary: AnswerSummary }
  | { readonly kind: "tooLarge" }
  | { readonly kind: "broken"; readonly bytes: Uint8Array; readonly error: unknown };

/**
 * Runs one input and gathers its answer.
 *
 * @param maxAnswerBytes an answer beyond that is dropped, and the outcome `tooLarge`
 */
export function runOnce(session: Session, input: Uint8Array, maxAnswerBytes: number): Outcome {
  let chunks: Uint8Array[] = [];
  let length = 0;
  const take = (chunk: Uint8Array): void => {
    length += chunk.length;
    if (length <= maxAnswerBytes) chunks.push(chunk);
    else chunks = [];
  };
  try {
    session.run(input, take);
  } catch (error) {
    return { kind: "broken", bytes: Buffer.concat(chunks), error };
  }
  if (length > maxAnswerBytes) return { kind: "tooLarge" };
  const bytes = Buffer.concat(chunks, length);
  return { kind: "answer", bytes, summary: summarize(bytes) };
}
