/** A question to whoever sits at the terminal. */
import { read } from "read";
import type { FastChatError } from "../../protocol/errors.js";
import { Interrupted } from "./failure.js";

/** Where questions go, and what may answer them in advance. */
export interface PromptSource {
  readonly env: Record<string, string | undefined>;
  readonly stdin: NodeJS.ReadStream;
  readonly stderr: NodeJS.WriteStream;
}

export interface Question {
  readonly text: string;
  /** Whether the answer is kept off the screen. */
  readonly silent: boolean;
  /** Thrown where there is no terminal: it says what to do instead. */
  readonly otherwise: FastChatError;
}

const CTRL_C_EXIT = 130;

/** @throws FastChatError the question's own, where there is no terminal; Interrupted */
export async function prompt(
  { text, silent, otherwise }: Question,
  { stdin, stderr }: PromptSource,
): Promise<string> {
  if (!stdin.isTTY) throw otherwise;
  const endOfInput = new Promise<never>((_resolve, reject) => {
    // Ctrl-D closes the input without an answer: nothing is left to wait for, and the process is about to end.
    process.once("beforeExit", () => reject(new Interrupted(CTRL_C_EXIT)));
  });
  endOfInput.catch(() => undefined);
  try {
    // `terminal` even where the question goes to a file: it is what keeps a silent answer from being echoed.
    const answer = read({ prompt: text, silent, input: stdin, output: stderr, terminal: true });
    return await Promise.race([answer, endOfInput]);
  } catch (error) {
    if (error instanceof Error && error.message === "canceled") throw new Interrupted(CTRL_C_EXIT);
    throw error;
  } finally {
    if (silent) stderr.write("\n");
  }
}
