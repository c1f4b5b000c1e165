/** The invite that a sign-up needs where the service wants one. */
import { FastChatError } from "../../protocol/errors.js";
import type { ServiceInfo } from "../../protocol/http.js";
import { parseInviteCode, type InviteCode } from "../../protocol/invite-code.js";
import { prompt, type PromptSource } from "./prompt.js";

const VARIABLE = "FASTCHAT_INVITE";

/**
 * Before anybody chooses a password in vain.
 *
 * @param given by flag or variable
 * @returns `undefined` where none is needed
 * @throws FastChatError `registrationClosed`; `badInvite` for what is no code; Interrupted
 */
export async function inviteToRegister(
  { registration }: Pick<ServiceInfo, "registration">,
  given: string | undefined,
  source: PromptSource,
): Promise<InviteCode | undefined> {
  switch (registration) {
    case "open":
      return undefined;
    case "closed":
      throw new FastChatError("registrationClosed", "This service takes no new accounts.");
    case "invite": {
      const typed = given ?? (await ask(source));
      const code = parseInviteCode(typed);
      if (code === null) {
        throw new FastChatError(
          "badInvite",
          "That is not an invite's code, which has 28 letters and digits.",
        );
      }
      return code;
    }
  }
}

function ask(source: PromptSource): Promise<string> {
  const otherwise = new FastChatError(
    "registrationClosed",
    `This service takes new accounts by invite only; give its code with --invite, or set ${VARIABLE}.`,
  );
  return prompt({ text: "Code of your invite:", silent: false, otherwise }, source);
}
