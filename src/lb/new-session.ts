/** Makes the session of a device that has just proved who it is. */
import { toBase64Url } from "../protocol/bytes.js";
import type { SignedIn } from "../protocol/http.js";
import { readId16, type AccountId, type DeviceId } from "../protocol/ids.js";
import type { NewSession } from "../store/sessions.js";
import { hashToken, TOKEN_BYTES } from "./bearer.js";
import type { BalancerContext } from "./context.js";

/** What is stored, and what the device gets: the token is in the second only. */
export function newSession(
  { clock, random }: Pick<BalancerContext, "clock" | "random">,
  account: AccountId,
  label: string,
): { stored: NewSession; told: SignedIn } {
  const device = readId16<DeviceId>(random.bytes(16));
  const token = random.bytes(TOKEN_BYTES);
  return {
    stored: { account, device, tokenHash: hashToken(token), label, at: clock.now() },
    told: { account, device, token: toBase64Url(token) },
  };
}
