/** Who may sign up: the mode that the service is in, and the code that somebody shows. */
import { createHash } from "node:crypto";
import { FastChatError } from "../protocol/errors.js";
import type { RegistrationMode } from "../protocol/http.js";
import { parseInviteCode, type InviteCode } from "../protocol/invite-code.js";

/**
 * The invite that a sign-up needs: SHA-256 of its code, or `undefined` where everybody may come.
 *
 * @throws FastChatError `registrationClosed` where nobody may, or no code was given; `badInvite` for what is no code
 */
export function inviteOf(mode: RegistrationMode, typed: string | undefined): Uint8Array | undefined {
  switch (mode) {
    case "open":
      return undefined;
    case "closed":
      throw new FastChatError("registrationClosed", "This service takes no new accounts.");
    case "invite": {
      if (typed === undefined)
        throw new FastChatError("registrationClosed", "This service takes new accounts by invite only.");
      const code = parseInviteCode(typed);
      if (code === null) throw badInvite();
      return hashInvite(code);
    }
  }
}

/** What is stored of a code. Its 140 random bits need no salt. */
export function hashInvite(code: InviteCode): Uint8Array {
  return createHash("sha256").update(code).digest();
}

/** One refusal for all reasons: the code was mistyped, used up, revoked, or its time is over. */
export function badInvite(): FastChatError {
  return new FastChatError("badInvite", "This invite is not known, used up, or over.");
}
