/**
 * The code that lets somebody sign up where the service wants an invite: 28 characters of Crockford's base 32, 140
 * random bits, shown in groups of four. People type it, so that case, hyphens and spaces do not count, and the letters
 * that look like digits stand for them.
 */
declare const inviteCode: unique symbol;
/** As it is shown: `7K2M-…`, seven groups. */
export type InviteCode = string & { readonly [inviteCode]: true };

/** Without I, L and O, which look like digits, and U. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARACTERS = 28;
const GROUP = 4;
/** More than anybody would type for one, with a space and a hyphen after each character. */
export const MAX_TYPED_INVITE = 3 * CHARACTERS;

/** @param random draws so many bytes, each of them evenly */
export function newInviteCode(random: (length: number) => Uint8Array): InviteCode {
  // Each byte gives one of 32 characters, all equally often.
  return grouped(Array.from(random(CHARACTERS), (byte) => ALPHABET[byte & 31]).join(""));
}

/** The code that somebody typed; `null` where it is none. */
export function parseInviteCode(typed: string): InviteCode | null {
  if (typed.length > MAX_TYPED_INVITE) return null;
  const characters = typed.replace(/[\s-]/g, "").toUpperCase().replaceAll("O", "0").replace(/[IL]/g, "1");
  const whole = characters.length === CHARACTERS && [...characters].every((each) => ALPHABET.includes(each));
  return whole ? grouped(characters) : null;
}

function grouped(characters: string): InviteCode {
  return (characters.match(new RegExp(`.{${GROUP}}`, "g")) ?? []).join("-") as InviteCode;
}
