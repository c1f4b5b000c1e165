/** Entries of the archive's pages, which may be anything: a page out of order, or an entry that does not open. */
import type { ArchiveEntry } from "../../crypto/archive-entry.js";
import { FastChatError } from "../../protocol/errors.js";
import type { PageEntry } from "./archive.js";
import type { Entries } from "./entries.js";

/** @returns `null` for what is damaged */
export async function openOrNull(
  entries: Pick<Entries, "open">,
  entry: PageEntry,
): Promise<ArchiveEntry | null> {
  try {
    return await entries.open(entry);
  } catch (error) {
    if (error instanceof FastChatError && error.code === "undecryptable") return null;
    throw error;
  }
}

export function outOfOrder(): FastChatError {
  return new FastChatError("badFrame", "The archive's page is not in order.");
}
