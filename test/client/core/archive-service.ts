/** Archives in memory, speaking the archive's protocol, faithful or not as a test likes. */
import { createHash } from "node:crypto";
import type { NewEntry } from "../../../src/client/core/archive.js";
import {
  archiveReplies,
  archiveRequests,
  type ArchiveReply,
  type ArchiveRequest,
} from "../../../src/protocol/archive.js";
import { equalBytes, toHex } from "../../../src/protocol/bytes.js";
import type { ArchiveId } from "../../../src/protocol/ids.js";
import type { MemoryEnd } from "../../../src/node/memory-channel.js";

/** What this archive says how long either side may be silent, in milliseconds. */
export const IDLE_MS = 10_000;

export interface KeptEntry {
  readonly counter: number;
  readonly chat: Uint8Array;
  readonly entry: Uint8Array;
  sealed: Uint8Array;
}

interface KeptChat {
  readonly chat: Uint8Array;
  readonly version: number;
  readonly revision: number;
  readonly note: Uint8Array;
}

interface KeptArchive {
  readonly token: Uint8Array;
  readonly entries: KeptEntry[];
  /** Counters of those that are known by tag and hash only. */
  readonly blanked: Set<number>;
  /** Notes on chats, by chat tag in hexadecimal. */
  readonly notes: Map<string, KeptChat>;
  checkpoint: { readonly version: number; readonly sealed: Uint8Array } | null;
  /** Ends the waiting of every device that follows, but for the one that asks. */
  readonly followers: Map<MemoryEnd, () => void>;
}

type Refusal = { readonly code: string; readonly message: string };

export class ArchiveService {
  away = false;
  /** Takes requests and says nothing. */
  silent = false;
  /** By id in hexadecimal. */
  readonly files = new Map<string, { readonly chunks: Map<number, Uint8Array> }>();
  /** Takes requests of these types and says nothing of them. */
  readonly slow = new Set<ArchiveRequest["type"]>();
  /** The reason why the next requests of that type are refused. */
  readonly refuse = new Map<ArchiveRequest["type"], Refusal>();
  readonly archives = new Map<ArchiveId, KeptArchive>();
  readonly vouchers = new Set<string>();
  /** Where the pages of all chats together began that were asked for. */
  readonly reads: { readonly type: "before" | "after"; readonly [from: string]: unknown }[] = [];
  /** Counters of entries that are on no page. */
  readonly hidden = new Set<number>();
  /** Every page has the entries of all chats. */
  mixed = false;
  /** What is shown in the place of whatever is looked for. */
  instead: KeptEntry | null = null;
  /** Where the pages of digests began that were asked for. */
  readonly digestReads: number[] = [];
  /** Whether a page of digests is given; where not, nothing is said. */
  onDigests: (after: number) => boolean = () => true;
  refusedDigests = 0;
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
              say({
                type: "opened",
                ref: request.ref,
                counter: opened.entries.length,
                revision: opened.notes.size,
                idleMs: IDLE_MS,
              });
            }
          } else if (open !== null) this.#serve(open, request, channel, say);
        };
        if (this.silent || this.slow.has(request.type)) this.#held.push(answer);
        else answer();
      },
      onDrain: () => undefined,
      onClose: () => {
        this.#channels.delete(channel);
        open?.followers.delete(channel);
      },
    });
  }

  #admit(request: Extract<ArchiveRequest, { type: "open" | "create" }>): KeptArchive | null {
    const found = this.archives.get(request.archive);
    if (found !== undefined) return equalBytes(found.token, request.token) ? found : null;
    if (request.type === "open" || !this.vouchers.delete(toHex(request.voucher))) return null;
    const made = {
      token: new Uint8Array(request.token),
      entries: [],
      blanked: new Set<number>(),
      notes: new Map(),
      checkpoint: null,
      followers: new Map(),
    };
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
        const breaksOff = this.onAppend("after");
        wakeOthers(archive, channel);
        if (breaksOff) channel.destroy();
        else say({ type: "appended", ref, results });
        return;
      }
      case "find": {
        const entries =
          this.instead === null
            ? archive.entries.filter(
                ({ counter, entry }) => equalBytes(entry, request.entry) && !archive.blanked.has(counter),
              )
            : [this.instead];
        say({ type: "page", ref, entries, more: false });
        return;
      }
      case "before":
      case "after": {
        const { chat, limit } = request;
        if (chat === undefined) {
          this.reads.push(
            request.type === "after"
              ? { type: "after", after: request.after }
              : { type: "before", before: request.before },
          );
        }
        const inChat = archive.entries.filter(
          (entry) =>
            !this.hidden.has(entry.counter) &&
            !archive.blanked.has(entry.counter) &&
            (chat === undefined || this.mixed || equalBytes(entry.chat, chat)),
        );
        const all =
          request.type === "after"
            ? inChat.filter(({ counter }) => counter > request.after)
            : inChat.filter(({ counter }) => counter < (request.before ?? Infinity)).reverse();
        say({ type: "page", ref, entries: all.slice(0, limit), more: all.length > limit });
        return;
      }
      case "chats": {
        const known = chatsOf(archive).filter(({ newest }) => newest < (request.before ?? Infinity));
        const chats = known.slice(0, request.limit);
        const latest = chats
          .filter(({ newest }) => !archive.blanked.has(newest))
          .flatMap(({ newest }) => archive.entries[newest - 1] ?? []);
        say({ type: "chatPage", ref, chats, latest, more: chats.length < known.length });
        return;
      }
      case "setChat": {
        const key = toHex(request.chat);
        const before = archive.notes.get(key)?.version ?? 0;
        const written = before === request.version;
        if (written) {
          const revision = Math.max(0, ...[...archive.notes.values()].map((note) => note.revision)) + 1;
          const chat = new Uint8Array(request.chat);
          archive.notes.set(key, { chat, version: before + 1, revision, note: new Uint8Array(request.note) });
          wakeOthers(archive, channel);
        }
        const chat = chatsOf(archive).find((one) => toHex(one.chat) === key);
        if (chat === undefined) say({ type: "failed", ref, code: "badRequest", message: "No such chat." });
        else say({ type: "chatSet", ref, chat, written });
        return;
      }
      case "follow": {
        const answer = (): void => {
          archive.followers.delete(channel);
          const entries = archive.entries.filter(
            ({ counter }) => counter > request.after && !archive.blanked.has(counter),
          );
          const chats = chatsOf(archive)
            .filter(({ revision }) => revision > request.revision)
            .sort((a, b) => a.revision - b.revision);
          const more = entries.length > request.limit;
          say({ type: "news", ref, entries: entries.slice(0, request.limit), chats, more });
        };
        archive.followers.set(channel, answer);
        const newest = Math.max(0, ...[...archive.notes.values()].map(({ revision }) => revision));
        if (archive.entries.length > request.after || newest > request.revision) answer();
        return;
      }
      case "digests": {
        this.digestReads.push(request.after);
        if (!this.onDigests(request.after)) {
          this.refusedDigests += 1;
          return;
        }
        const behind = archive.entries.slice(request.after);
        const digests = behind.slice(0, request.limit).map(({ chat, entry, sealed }) => ({
          chat,
          entry,
          hash: createHash("sha256").update(chat).update(entry).update(sealed).digest(),
        }));
        say({ type: "digestPage", ref, digests, more: digests.length < behind.length });
        return;
      }
      case "beginFile":
        if (!this.vouchers.delete(toHex(request.voucher)) && !this.files.has(toHex(request.file))) {
          say({ type: "failed", ref, code: "badVoucher", message: "It was used." });
          return;
        }
        if (!this.files.has(toHex(request.file))) this.files.set(toHex(request.file), { chunks: new Map() });
        say({ type: "done", ref });
        return;
      case "putChunk": {
        const { chunks } = this.files.get(toHex(request.file)) ?? { chunks: new Map<number, Uint8Array>() };
        if (!chunks.has(request.number)) chunks.set(request.number, new Uint8Array(request.sealed));
        say({ type: "done", ref });
        return;
      }
      case "getChunk": {
        const sealed = this.files.get(toHex(request.file))?.chunks.get(request.number);
        if (sealed === undefined) say({ type: "failed", ref, code: "noSuchFile", message: "It is gone." });
        else say({ type: "chunk", ref, sealed });
        return;
      }
      case "blank": {
        const { chat, from, to } = request;
        const blanked = archive.entries.filter(
          (entry) =>
            entry.counter >= from &&
            entry.counter <= to &&
            equalBytes(entry.chat, chat) &&
            !archive.blanked.has(entry.counter),
        );
        for (const { counter } of blanked) archive.blanked.add(counter);
        say({ type: "blanked", ref, count: blanked.length });
        return;
      }
      case "checkpoint": {
        const version = archive.checkpoint?.version ?? 0;
        const { replace } = request;
        const written = replace?.version === version;
        if (replace !== undefined && written) {
          archive.checkpoint = { version: version + 1, sealed: new Uint8Array(replace.sealed) };
        }
        say({
          type: "checkpointState",
          ref,
          version: archive.checkpoint?.version ?? 0,
          ...(archive.checkpoint === null ? {} : { sealed: archive.checkpoint.sealed }),
          written,
        });
        return;
      }
    }
  }
}

/** All chats, the one with the newest entry first. */
function chatsOf({ entries, notes }: KeptArchive): Extract<ArchiveReply, { type: "chatPage" }>["chats"] {
  const newest = new Map(entries.map((entry) => [toHex(entry.chat), entry]));
  return [...newest]
    .map(([key, { chat, counter }]) => {
      const { version = 0, revision = 0, note } = notes.get(key) ?? {};
      return { chat, newest: counter, version, revision, ...(note === undefined ? {} : { note }) };
    })
    .sort((one, other) => other.newest - one.newest);
}

function wakeOthers({ followers }: KeptArchive, by: MemoryEnd): void {
  for (const [channel, answer] of [...followers]) if (channel !== by) answer();
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
