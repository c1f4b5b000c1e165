/** Who is asking: a session token in the header `Authorization` (RFC 6750, section 2.1). */
import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { fromBase64Url } from "../protocol/bytes.js";
import { FastChatError } from "../protocol/errors.js";
import type { StoredSession } from "../store/sessions.js";
import type { BalancerContext } from "./context.js";

export const TOKEN_BYTES = 32;
/** The time of last use is a help for people; once a minute is fine enough for it. */
const TOUCH_MS = 60_000;

/** In the OpenAPI document: this route wants a session token. */
export const BEARER = [{ session: [] }];

type Sessions = Pick<BalancerContext, "known" | "lastUsed" | "clock">;

/**
 * The session of a request.
 *
 * @throws FastChatError `notSignedIn`, alike for a token that is missing, malformed, unknown or revoked; `suspended`
 */
export async function signedIn(context: Sessions, request: FastifyRequest): Promise<StoredSession> {
  const session = await sessionOf(context, request);
  if (session.suspended) throw suspended();
  const now = context.clock.now();
  if (now - session.lastUsedAt >= TOUCH_MS) {
    context.lastUsed.note(session.device, now);
    context.known.used(session.device, now);
  }
  return session;
}

/**
 * The session of a request, whether or not its account is suspended.
 *
 * @throws FastChatError `notSignedIn`
 */
export async function sessionOf(
  { known }: Pick<Sessions, "known">,
  request: FastifyRequest,
): Promise<StoredSession> {
  const token = bearerToken(request.headers.authorization);
  // Found by its hash: how long that takes says nothing about tokens that exist.
  const session = token === null ? null : await known.find(hashToken(token));
  if (session === null) throw new FastChatError("notSignedIn", "This device is not signed in.");
  return session;
}

/** Told to those only who have proved whose account it is. */
export function suspended(): FastChatError {
  return new FastChatError("suspended", "This account is suspended.");
}

/** What is stored of a token. Its 256 random bits need no salt. */
export function hashToken(token: Uint8Array): Uint8Array {
  return createHash("sha256").update(token).digest();
}

/** The token in a header `Authorization`, 32 bytes; `null` where it holds none. */
export function bearerToken(header: string | undefined): Uint8Array | null {
  const text = /^Bearer ([A-Za-z0-9_-]{43})$/i.exec(header ?? "")?.[1];
  return text === undefined ? null : fromBase64Url(text);
}
