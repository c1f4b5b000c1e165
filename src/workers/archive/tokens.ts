/** Tokens that open archives: stored as their hashes, compared in time that says nothing. */
import { createHash, timingSafeEqual } from "node:crypto";
import { FastChatError } from "../../protocol/errors.js";
import type { ArchiveRecord } from "../../store/archive.js";

/** What a token is compared with where there is no archive; no token's hash is zero. */
const NO_HASH = new Uint8Array(32);

/** SHA-256: a token is 32 random bytes, so that nothing slower is needed. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

/**
 * Checks a token, with the same work and the same answer for a wrong one as where there is no archive.
 *
 * @param record `null` where there is no archive of that id
 * @throws FastChatError `noSuchArchive`
 */
export function checkToken(record: ArchiveRecord | null, token: Uint8Array): ArchiveRecord {
  const same = timingSafeEqual(record?.tokenHash ?? NO_HASH, sha256(token));
  if (record === null || !same) {
    throw new FastChatError("noSuchArchive", "There is no such archive, or this is not its token.");
  }
  return record;
}
