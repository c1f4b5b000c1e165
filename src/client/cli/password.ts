/** Passwords: asked for without echo, or from a variable; never from the arguments, which everybody can list. */
import { FastChatError } from "../../protocol/errors.js";
import { prompt, type PromptSource } from "./prompt.js";

export type PasswordSource = PromptSource;

/** Shorter ones are refused at sign-up (NIST SP 800-63B, section 5.1.1.2). */
export const MIN_PASSWORD_CHARACTERS = 8;
const MIN_DIFFERENT_CHARACTERS = 4;
const MAX_PASSWORD_BYTES = 1024;
/** How often somebody at a terminal may choose one. */
const MOST_TRIES = 3;
/** The variable with the account's password. */
const ACCOUNT_VARIABLE = "FASTCHAT_PASSWORD";
/** That of an export has its own, so that no file is sealed with the account's by mistake. */
const EXPORT_VARIABLE = "FASTCHAT_EXPORT_PASSWORD";
const BACKUP_VARIABLE = "FASTCHAT_BACKUP_PASSWORD";

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
export function askPassword(name: string, source: PasswordSource): Promise<string> {
  return ask(name, source, ACCOUNT_VARIABLE);
}

/** The password of a new account, asked for twice; anew, if it will not do. @throws FastChatError `badRequest`; Interrupted */
export function choosePassword(name: string, source: PasswordSource): Promise<string> {
  return choose(name, source, ACCOUNT_VARIABLE);
}

/** The password of a sealed file. @throws FastChatError `badRequest`; Interrupted */
export function askExportPassword(file: string, source: PasswordSource): Promise<string> {
  return ask(file, source, EXPORT_VARIABLE);
}

/** The password of a file that is to be sealed, asked for twice. @throws FastChatError `badRequest`; Interrupted */
export function chooseExportPassword(file: string, source: PasswordSource): Promise<string> {
  return choose(file, source, EXPORT_VARIABLE);
}

/** The password of a sealed backup. @throws FastChatError `badRequest`; Interrupted */
export function askBackupPassword(file: string, source: PasswordSource): Promise<string> {
  return ask(file, source, BACKUP_VARIABLE);
}

/** The password of a backup that is to be sealed, asked for twice. @throws FastChatError `badRequest`; Interrupted */
export function chooseBackupPassword(file: string, source: PasswordSource): Promise<string> {
  return choose(file, source, BACKUP_VARIABLE);
}

async function ask(name: string, source: PasswordSource, variable: string): Promise<string> {
  const given = takeFromEnvironment(source.env, variable);
  return preparePassword(given ?? (await promptFor(`Password of ${name}:`, source, variable)));
}

async function choose(name: string, source: PasswordSource, variable: string): Promise<string> {
  const given = takeFromEnvironment(source.env, variable);
  if (given !== null) {
    const password = preparePassword(given);
    refuseWeakPassword(password, name);
    return password;
  }
  for (let tries = 1; ; tries += 1) {
    try {
      return await chooseAtTerminal(name, source, variable);
    } catch (error) {
      const again = error instanceof FastChatError && source.stdin.isTTY && tries < MOST_TRIES;
      if (!again) throw error;
      // To end here would have the next password typed at the shell, where it shows and is remembered.
      source.stderr.write(`${error.message}\n`);
    }
  }
}

async function chooseAtTerminal(name: string, source: PasswordSource, variable: string): Promise<string> {
  const password = preparePassword(await promptFor(`Choose a password for ${name}:`, source, variable));
  refuseWeakPassword(password, name);
  if (preparePassword(await promptFor("Once more:", source, variable)) !== password) {
    throw new FastChatError("badRequest", "The two passwords are not the same.");
  }
  return password;
}

/** Taken out of the environment, so that nothing started from here inherits it. */
function takeFromEnvironment(env: PasswordSource["env"], variable: string): string | null {
  const password = env[variable];
  delete env[variable];
  return password ?? null;
}

function promptFor(question: string, source: PasswordSource, variable: string): Promise<string> {
  const otherwise = new FastChatError(
    "badRequest",
    `There is no terminal to ask for the password; set ${variable}.`,
  );
  return prompt({ text: question, silent: true, otherwise }, source);
}
