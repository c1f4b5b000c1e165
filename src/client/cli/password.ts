/** Passwords: asked for without echo, or from FASTCHAT_PASSWORD; never from the arguments, which everybody can list. */
import { read } from "read";
import { FastChatError } from "../../protocol/errors.js";
import { Interrupted } from "./failure.js";

export interface PasswordSource {
  readonly env: Record<string, string | undefined>;
  readonly stdin: NodeJS.ReadStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Shorter ones are refused at sign-up (NIST SP 800-63B, section 5.1.1.2). */
export const MIN_PASSWORD_CHARACTERS = 8;
const MIN_DIFFERENT_CHARACTERS = 4;
const MAX_PASSWORD_BYTES = 1024;
const CTRL_C_EXIT = 130;

/**
 * The one spelling of a password, so that it is the same from every keyboard: the profile OpaqueString (RFC 8265,
 * section 4.2) — any space becomes U+0020, and the text is composed (NFC).
 *
 * @throws FastChatError `badRequest` on an empty one or one with control characters
 */
export function preparePassword(text: string): string {
  const prepared = text.replace(/\p{Zs}/gu, " ").normalize("NFC");
  if (prepared === "") throw new FastChatError("badRequest", "The password is empty.");
  if (/[\p{Cc}\p{Cs}]/u.test(prepared)) {
    throw new FastChatError("badRequest", "The password holds control characters.");
  }
  if (Buffer.byteLength(prepared) > MAX_PASSWORD_BYTES) {
    throw new FastChatError("badRequest", `The password is longer than ${MAX_PASSWORD_BYTES} bytes.`);
  }
  return prepared;
}

/**
 * Refuses what anyone would guess first. The service cannot: it never sees the password.
 *
 * @throws FastChatError `badRequest`
 */
export function refuseWeakPassword(password: string, name: string): void {
  const characters = [...password];
  const weak = (why: string): FastChatError =>
    new FastChatError("badRequest", `The password is too weak: ${why}.`);
  if (characters.length < MIN_PASSWORD_CHARACTERS) {
    throw weak(`use at least ${MIN_PASSWORD_CHARACTERS} characters`);
  }
  if (new Set(characters).size < MIN_DIFFERENT_CHARACTERS) {
    throw weak(`use at least ${MIN_DIFFERENT_CHARACTERS} different characters`);
  }
  if (password.toLowerCase().replace(/[\d\W_]+$/u, "") === name.replace(/[\d\W_]+$/u, "")) {
    throw weak("it is the name");
  }
}

/** The password of an account that exists. @throws FastChatError `badRequest`; Interrupted */
export async function askPassword(name: string, source: PasswordSource): Promise<string> {
  return preparePassword(takeFromEnvironment(source.env) ?? (await prompt(`Password of ${name}:`, source)));
}

/** The password of a new account, asked for twice. @throws FastChatError `badRequest`; Interrupted */
export async function choosePassword(name: string, source: PasswordSource): Promise<string> {
  const given = takeFromEnvironment(source.env);
  const password = preparePassword(given ?? (await prompt(`Choose a password for ${name}:`, source)));
  refuseWeakPassword(password, name);
  if (given === null && preparePassword(await prompt("Once more:", source)) !== password) {
    throw new FastChatError("badRequest", "The two passwords are not the same.");
  }
  return password;
}

/** Taken out of the environment, so that nothing started from here inherits it. */
function takeFromEnvironment(env: PasswordSource["env"]): string | null {
  const password = env["FASTCHAT_PASSWORD"];
  delete env["FASTCHAT_PASSWORD"];
  return password ?? null;
}

async function prompt(question: string, { stdin, stderr }: PasswordSource): Promise<string> {
  if (!stdin.isTTY) {
    throw new FastChatError(
      "badRequest",
      "There is no terminal to ask for the password; set FASTCHAT_PASSWORD.",
    );
  }
  const endOfInput = new Promise<never>((_resolve, reject) => {
    // Ctrl-D closes the input without an answer: nothing is left to wait for, and the process is about to end.
    process.once("beforeExit", () => reject(new Interrupted(CTRL_C_EXIT)));
  });
  endOfInput.catch(() => undefined);
  try {
    // `terminal` even where the question goes to a file: it is what keeps the answer from being echoed.
    const answer = read({ prompt: question, silent: true, input: stdin, output: stderr, terminal: true });
    const password = await Promise.race([answer, endOfInput]);
    return password;
  } catch (error) {
    if (error instanceof Error && error.message === "canceled") throw new Interrupted(CTRL_C_EXIT);
    throw error;
  } finally {
    stderr.write("\n");
  }
}
