/** Archives in memory, speaking the archive's protocol, faithful or not as a test likes. */
import type { NewEntry } from "../../../src/client/core/archive.js";
import {
  archiveReplies,
  archiveRequests,
  type ArchiveReply,
  type ArchiveRequest,
} from "../../../src/protocol/archive.js";
import { equalBytes, toHex } from "../../../src/protocol/bytes.js";
import type { ArchiveId } from "../../../src/protocol/ids.js";
import type { MemoryEnd } from "../../channels/memory-channel.js";

/** What this archive says how long either side may be silent, in milliseconds. */
export const IDLE_MS = 10_000;

export interface KeptEntry {
  readonly counter: number;
  readonly chat: Uint8Array;
  readonly entry: Uint8Array;
  sealed: Uint8Array;
}

interface KeptArchive {
  readonly token: Uint8Array;
  readonly entries: KeptEntry[];
}

type Refusal = { readonly code: string; readonly message: string };

export class ArchiveService {
  away = false;
  /** Takes requests and says nothing. */
  silent = false;
  /** Takes requests of these types and says nothing of them. */
  readonly slow = new Set<ArchiveRequest["type"]>();
  /** The reason why the next requests of that type are refused. */
  readonly refuse = new Map<ArchiveRequest["type"], Refusal>();
  readonly archives = new Map<ArchiveId, KeptArchive>();
  readonly vouchers = new Set<string>();
  /** Sizes of the batches that came. */
  readonly batches: number[] = [];
  /** Told of every append, before it is done; returns whether the connection breaks off instead. */
  onAppend: (when: "before" | "after") => boolean = () => false;
  readonly #channels = new Set<MemoryEnd>();
  #held: (() => void)[] = [];

  /** Goes away, and breaks all connections off. */
  leave(): void {
    this.away = true;
    this.cut();
  }

  cut(): void {
    for (const channel of [...this.#channels]) channel.destroy();
  }

  /** Answers what was held back while it was silent. */
  speak(): void {
    this.silent = false;
    this.slow.clear();
    for (const answer of this.#held.splice(0)) answer();
  }

  entriesOf(archive: ArchiveId): readonly KeptEntry[] {
    return this.archives.get(archive)?.entries ?? [];
  }

  accept(channel: MemoryEnd): void {
    this.#channels.add(channel);
    let open: KeptArchive | null = null;
    const say = (reply: ArchiveReply): void => void channel.send(archiveReplies.encode(reply));
    channel.handle({
      onFrame: (content) => {
        const request = archiveRequests.decode(new Uint8Array(content));
        const answer = (): void => {
          const refusal = this.refuse.get(request.type);
          if (refusal !== undefined) {
            say({ type: "failed", ref: request.ref, ...refusal });
            return;
          }
          if (request.type === "open" || request.type === "create") {
            const opened = this.#admit(request);
            if (opened === null) {
              say({ type: "failed", ref: request.ref, code: "noSuchArchive", message: "There is none." });
            } else {
              open = opened;
              say({ type: "opened", ref: request.ref, counter: opened.entries.length, idleMs: IDLE_MS });
            }
          } else if (open !== null) this.#serve(open, request, channel, say);
        };
        if (this.silent || this.slow.has(request.type)) this.#held.push(answer);
        else answer();
      },
      onDrain: () => undefined,
      onClose: () => {
        this.#channels.delete(channel);
      },
    });
  }

  #admit(request: Extract<ArchiveRequest, { type: "open" | "create" }>): KeptArchive | null {
    const found = this.archives.get(request.archive);
    if (found !== undefined) return equalBytes(found.token, request.token) ? found : null;
    if (request.type === "open" || !this.vouchers.delete(toHex(request.voucher))) return null;
    const made = { token: new Uint8Array(request.token), entries: [] };
    this.archives.set(request.archive, made);
    return made;
  }

  #serve(
    archive: KeptArchive,
    request: Exclude<ArchiveRequest, { type: "open" | "create" }>,
    channel: MemoryEnd,
    say: (reply: ArchiveReply) => void,
  ): void {
    const { ref } = request;
    switch (request.type) {
      case "ping":
        say({ type: "pong", ref });
        return;
      case "append": {
        this.batches.push(request.entries.length);
        if (this.onAppend("before")) {
          channel.destroy();
          return;
        }
        const results = request.entries.map((entry) => append(archive, entry));
        if (this.onAppend("after")) channel.destroy();
        else say({ type: "appended", ref, results });
        return;
      }
      case "find": {
        const entries = archive.entries.filter(({ entry }) => equalBytes(entry, request.entry));
        say({ type: "page", ref, entries, more: false });
        return;
      }
      case "before":
      case "after": {
        const { chat, limit } = request;
        const inChat = archive.entries.filter((entry) => chat === undefined || equalBytes(entry.chat, chat));
        const all =
          request.type === "after"
            ? inChat.filter(({ counter }) => counter > request.after)
            : inChat.filter(({ counter }) => counter < (request.before ?? Infinity)).reverse();
        say({ type: "page", ref, entries: all.slice(0, limit), more: all.length > limit });
        return;
      }
    }
  }
}

function append(
  { entries }: KeptArchive,
  { chat, entry, unless, sealed }: NewEntry,
): { counter: number; had: boolean } {
  const known =
    entries.find((kept) => equalBytes(kept.entry, entry)) ??
    (unless && entries.find((kept) => equalBytes(kept.entry, unless)));
  if (known !== undefined) return { counter: known.counter, had: true };
  const counter = entries.length + 1;
  entries.push({
    counter,
    chat: new Uint8Array(chat),
    entry: new Uint8Array(entry),
    sealed: new Uint8Array(sealed),
  });
  return { counter, had: false };
}
