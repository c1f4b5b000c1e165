/** What the handlers of an archive's requests work with. */
import type { ArchiveRequest, ArchiveReply } from "../../../protocol/archive.js";
import { FastChatError } from "../../../protocol/errors.js";
import type { ArchiveStore } from "../../../store/archive.js";
import type { FileStore } from "../../../store/files.js";
import type { AppendWriter } from "../append-writer.js";
import type { Follower, Followers } from "../followers.js";
import type { VerifySignature } from "../vouchers.js";

export interface HandlerContext {
  readonly store: ArchiveStore;
  /** `null` where no files are kept. */
  readonly files: FileStore | null;
  /** What all files may take together. */
  readonly fileStoreBytes: number;
  readonly writer: AppendWriter;
  readonly followers: Followers;
  readonly verifySignature: VerifySignature;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /**
   * Asks the database now, or fails in a time that somebody can wait.
   *
   * @throws FastChatError `unavailable`
   */
  readonly ask: <T>(work: () => Promise<T>) => Promise<T>;
  /** Told to clients: how long either side may be silent, in milliseconds. */
  readonly idleMs: number;
  /** How often somebody else's writes are looked for, in milliseconds. */
  readonly pollMs: number;
  /** How much the entries of one page may weigh. */
  readonly pageBytes: number;
}

/** The connection that a request came on, once its archive is open: one object as long as it lasts. */
export interface Caller extends Follower {
  /** Whether somebody still waits for the answer. */
  readonly connected: () => boolean;
}

export type RequestOf<Type extends ArchiveRequest["type"]> = Extract<ArchiveRequest, { type: Type }>;
export type ReplyOf<Type extends ArchiveReply["type"]> = Extract<ArchiveReply, { type: Type }>;

/** @throws FastChatError `forbidden` where no files are kept */
export function filesOf({ files }: HandlerContext): FileStore {
  if (files === null) throw new FastChatError("forbidden", "No files are kept here.");
  return files;
}

export function noSuchFile(): FastChatError {
  return new FastChatError("noSuchFile", "There is no such file, or it has expired.");
}
