/**
 * The running hash over an archive's entries, and checkpoints of it (PROTOCOL.md, "Checkpoints"): who has one knows every
 * entry up to there, their order and their chats.
 */
import { primitives } from "#primitives";
import { concatBytes, utf8 } from "../protocol/bytes.js";
import type { AccountId, ArchiveId } from "../protocol/ids.js";
import { labelled } from "./fields.js";
import { LABELS } from "./labels.js";
import { open, seal, type SealContext } from "./sealed.js";
import { undecryptable } from "./undecryptable.js";

export const CHAIN_HASH_BYTES = 32;

/** What an entry is known by. */
export interface EntryDigest {
  /** Chat tag, 32 bytes. */
  readonly chat: Uint8Array;
  /** Entry tag, 32 bytes. */
  readonly entry: Uint8Array;
  /** See {@link entryHash}. */
  readonly hash: Uint8Array;
}

/** An archive up to one of its entries. */
export interface Checkpoint {
  /** That entry's; 0 in front of the first. */
  readonly counter: number;
  /** The running hash there. */
  readonly hash: Uint8Array;
}

/** Where a checkpoint is kept: it opens nowhere else. */
export type CheckpointPlace =
  | { readonly kept: "archive"; readonly owner: ArchiveId }
  | { readonly kept: "service"; readonly owner: AccountId };

/** SHA-256 over chat tag, entry tag and sealed bytes: what the archive keeps of an entry for good. */
export function entryHash(
  chat: Uint8Array,
  entry: Uint8Array,
  sealed: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  return primitives.sha256(concatBytes(chat, entry, sealed));
}

/** In front of the first entry. */
export async function chainStart(archive: ArchiveId): Promise<Checkpoint> {
  return { counter: 0, hash: await primitives.sha256(labelled(LABELS.archiveChain, utf8(archive))) };
}

/** One entry further. */
export async function chainNext(before: Checkpoint, { chat, entry, hash }: EntryDigest): Promise<Checkpoint> {
  return {
    counter: before.counter + 1,
    hash: await primitives.sha256(labelled(LABELS.archiveChain, before.hash, chat, entry, hash)),
  };
}

/** @param key the archive key, 32 bytes */
export function sealCheckpoint(
  key: Uint8Array,
  place: CheckpointPlace,
  { counter, hash }: Checkpoint,
): Promise<Uint8Array<ArrayBuffer>> {
  // Of fixed length: how long the history is must not show.
  const content = new Uint8Array(8 + CHAIN_HASH_BYTES);
  new DataView(content.buffer).setBigUint64(0, BigInt(counter));
  content.set(hash, 8);
  return seal(key, contextOf(place), content);
}

/**
 * @param key the archive key, 32 bytes
 * @throws FastChatError `undecryptable`, alike for another place, another key, damage and forgery
 */
export async function openCheckpoint(
  key: Uint8Array,
  place: CheckpointPlace,
  sealed: Uint8Array,
): Promise<Checkpoint> {
  const content = await open(key, contextOf(place), sealed);
  if (content.length !== 8 + CHAIN_HASH_BYTES) throw undecryptable();
  const counter = new DataView(content.buffer, content.byteOffset).getBigUint64(0);
  if (counter > BigInt(Number.MAX_SAFE_INTEGER)) throw undecryptable();
  return { counter: Number(counter), hash: content.slice(8) };
}

function contextOf({ kept, owner }: CheckpointPlace): SealContext {
  const purpose = kept === "archive" ? "archive-checkpoint" : "service-checkpoint";
  return { format: 1, purpose, owner, generation: 0, extra: [] };
}
