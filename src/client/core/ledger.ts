/**
 * Whether the archive still is what it was (PROTOCOL.md, "Checkpoints"). This device reads what the archive's entries are
 * known by, each once, and holds their running hash to the checkpoints that the account's devices leave in the archive and
 * with the service. What it has read so it knows from then on: an entry that is another one, or missing, is told from a
 * genuine one.
 */
import {
  chainNext,
  chainStart,
  entryHash,
  openCheckpoint,
  sealCheckpoint,
  type Checkpoint,
  type CheckpointPlace,
} from "../../crypto/archive-chain.js";
import type { ArchiveSecrets } from "../../crypto/vault-contents.js";
import { MAX_ENTRIES } from "../../protocol/archive.js";
import { equalBytes } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import type { AccountId } from "../../protocol/ids.js";
import type { Archive, PageEntry } from "./archive.js";
import type { Balancer } from "./balancer.js";
import type { LedgerFiles, LedgerState } from "./ledger-files.js";
import type { ArchiveAlarm, ArchiveCheck } from "./messages.js";

export interface LedgerContext {
  readonly account: AccountId;
  readonly secrets: Pick<ArchiveSecrets, "id" | "key">;
  readonly archive: Pick<Archive, "ask">;
  readonly service: Pick<Balancer, "checkpoint" | "replaceCheckpoint">;
  readonly files: LedgerFiles;
  /** The archive is not what it was. */
  onAlarm(alarm: ArchiveAlarm): void;
}

/** A checkpoint, and where it was found. */
interface Mark extends Checkpoint {
  readonly kept: CheckpointPlace["kept"];
}

/** What stands in the two places, sealed; `null` where nothing does or nobody could be asked. */
interface Standing {
  readonly archive: { readonly version: number; readonly sealed: Uint8Array | null };
  readonly service: { readonly sealed: Uint8Array | null } | null;
}

/** Pages of digests that are read until they are written down. */
const PAGES_A_SAVE = 10;

type Verdict = { readonly state: LedgerState; readonly alarm: ArchiveAlarm | null };

export class Ledger {
  readonly #context: LedgerContext;
  #checking: Promise<ArchiveCheck> | null = null;
  #loaded: Promise<LedgerState | null> | null = null;
  #alarm: ArchiveAlarm | null = null;

  constructor(context: LedgerContext) {
    this.#context = context;
  }

  /**
   * Reads on to the newest entry, and compares. Where all is well and there was news, a new checkpoint is left.
   *
   * @param onProgress told how far it has read
   * @param whole whether everything that is known is compared once more, not only where it ends
   * @throws FastChatError what the archive answers; what is known then stays known
   */
  async check(onProgress: (counter: number) => void = () => undefined, whole = false): Promise<ArchiveCheck> {
    // One that is under way may not be as thorough.
    if (whole) await this.#checking?.catch(() => undefined);
    this.#checking ??= this.#context.files
      .withLock(() => this.#check(onProgress, whole))
      .finally(() => {
        this.#checking = null;
      });
    return this.#checking;
  }

  /**
   * Takes the archive as it is for what it shall be: what is missing is accepted as lost.
   *
   * @throws FastChatError `unavailable`, `unreachable` where one of the two places of checkpoints cannot be asked; `conflict`
   *   where another device left a checkpoint just then
   */
  async accept(): Promise<ArchiveCheck> {
    const { files, service } = this.#context;
    await this.#checking?.catch(() => undefined);
    return files.withLock(async () => {
      const { archive } = await this.#standing();
      // Asked here: a checkpoint of before that stayed there would be an alarm for ever.
      const standing = { archive, service: await service.checkpoint() };
      await files.forget();
      const read = await this.#readOn(await this.#start(), new Map(), () => undefined);
      // An entry that stands there twice is none that could be taken for genuine.
      if (read.altered !== null) {
        this.#alarm = { kind: "altered", counter: read.altered };
        return { counter: read.counter, alarm: this.#alarm };
      }
      await this.#replace(read, standing);
      this.#alarm = null;
      return { counter: read.counter, alarm: null };
    });
  }

  /** Replaces both checkpoints, whatever stands there. */
  async #replace(read: LedgerState, { archive: there, service: copy }: Standing): Promise<void> {
    const { archive, service, secrets, files } = this.#context;
    const { counter, hash } = read;
    const sealFor = (kept: Mark["kept"]): Promise<Uint8Array> =>
      sealCheckpoint(secrets.key, this.#placeOf(kept), { counter, hash });
    const replace = { version: there.version, sealed: await sealFor("archive") };
    const { written } = await archive.ask({ type: "checkpoint", replace }, "checkpointState");
    const replaced = await service.replaceCheckpoint(copy?.sealed ?? null, await sealFor("service"));
    if (!written || !replaced) {
      throw new FastChatError("conflict", "Another device compared the archive just then; try again.");
    }
    await files.save({ counter, hash, seen: { archive: counter, service: counter } });
  }

  /** Whether an entry is the one that this device knows in its place; `null` where it knows none there. */
  async isGenuine({ counter, chat, entry, sealed }: PageEntry): Promise<boolean | null> {
    await this.#load();
    const { files } = this.#context;
    const known = files.digestOf(counter);
    // One that is known in another place is none here.
    if (known === null) return files.counterOf(entry) === null ? null : false;
    return equalBytes(known.chat, chat) && equalBytes(known.hash, await entryHash(chat, entry, sealed));
  }

  /**
   * Counters of entries that this device knows between two others, these left out.
   *
   * @param chat tag of the only chat, 32 bytes; `null` for all
   * @returns descending
   */
  async between(low: number, high: number, chat: Uint8Array | null): Promise<number[]> {
    await this.#load();
    return this.#context.files.between(low, high, chat);
  }

  /** Tag of the chat that an entry stands in, 32 bytes; `null` if this device does not know the entry. */
  async chatOf(counter: number): Promise<Uint8Array | null> {
    await this.#load();
    return this.#context.files.digestOf(counter)?.chat ?? null;
  }

  /** How many entries this device knows, the first ones of the archive. */
  async count(): Promise<number> {
    await this.#load();
    return this.#context.files.count;
  }

  /** Reads the files, unless that is done or under way. */
  async #load(): Promise<void> {
    await (this.#loaded ?? this.#reload());
  }

  /** Reads the files once more: another process of this device may have read further. */
  #reload(): Promise<LedgerState | null> {
    const loading = this.#context.files.load();
    this.#loaded = loading;
    // What failed is tried again.
    loading.catch(() => {
      if (this.#loaded === loading) this.#loaded = null;
    });
    return loading;
  }

  async #check(onProgress: (counter: number) => void, whole: boolean): Promise<ArchiveCheck> {
    const before = (await this.#reload()) ?? (await this.#start());
    const standing = await this.#standing();
    const { state, alarm } = await this.#judge(before, standing, onProgress, whole);
    if (alarm !== null && alarm.kind !== this.#alarm?.kind) this.#context.onAlarm(alarm);
    this.#alarm = alarm;
    if (alarm === null) await this.#leave(state, standing);
    return { counter: state.counter, alarm };
  }

  async #start(): Promise<LedgerState> {
    return { ...(await chainStart(this.#context.secrets.id)), seen: { archive: 0, service: 0 } };
  }

  async #standing(): Promise<Standing> {
    const { archive, service } = this.#context;
    const { version, sealed = null } = await archive.ask({ type: "checkpoint" }, "checkpointState");
    // The balancer being away is no reason not to read on; the archive's own checkpoint is there.
    const copy = await service.checkpoint().catch(() => null);
    return { archive: { version, sealed }, service: copy };
  }

  async #judge(
    before: LedgerState,
    standing: Standing,
    onProgress: (counter: number) => void,
    whole: boolean,
  ): Promise<Verdict> {
    const marks: Mark[] = [];
    for (const kept of ["archive", "service"] as const) {
      const sealed = standing[kept]?.sealed ?? null;
      const seen = before.seen[kept];
      const mark = sealed === null ? null : await this.#open(kept, sealed);
      if (mark === "forged") return { state: before, alarm: { kind: "forged", kept } };
      if ((mark?.counter ?? 0) < seen && standing[kept] !== null) {
        return { state: before, alarm: { kind: "older", kept, counter: mark?.counter ?? 0, seen } };
      }
      if (mark !== null) marks.push(mark);
    }
    const changed = before.counter > 0 ? await this.#changedSince(before) : null;
    if (changed !== null) return { state: before, alarm: changed };
    const exchanged = whole ? await this.#exchangedIn(before, onProgress) : null;
    if (exchanged !== null) return { state: before, alarm: { kind: "altered", counter: exchanged } };
    const expected = new Map(marks.map((mark) => [mark.counter, mark]));
    const seen = {
      archive: Math.max(before.seen.archive, marks.find(({ kept }) => kept === "archive")?.counter ?? 0),
      service: Math.max(before.seen.service, marks.find(({ kept }) => kept === "service")?.counter ?? 0),
    };
    const read = await this.#readOn({ ...before, seen }, expected, onProgress);
    if (read.altered !== null) return { state: before, alarm: { kind: "altered", counter: read.altered } };
    const newest = Math.max(0, ...marks.map(({ counter }) => counter));
    if (newest > read.counter) {
      return { state: read, alarm: { kind: "cut", counter: read.counter, seen: newest } };
    }
    return { state: read, alarm: null };
  }

  async #open(kept: Mark["kept"], sealed: Uint8Array): Promise<Mark | "forged"> {
    try {
      return { kept, ...(await openCheckpoint(this.#context.secrets.key, this.#placeOf(kept), sealed)) };
    } catch (error) {
      if (error instanceof FastChatError && error.code === "undecryptable") return "forged";
      throw error;
    }
  }

  /** Whether the last entry that this device knows is gone, or another one. */
  async #changedSince({ counter }: LedgerState): Promise<ArchiveAlarm | null> {
    const { archive, files } = this.#context;
    const known = files.digestOf(counter);
    const { digests } = await archive.ask({ type: "digests", after: counter - 1, limit: 1 }, "digestPage");
    const [there] = digests;
    if (there === undefined) {
      const { entries } = await archive.ask({ type: "before", limit: 1 }, "page");
      return { kind: "cut", counter: entries[0]?.counter ?? 0, seen: counter };
    }
    const same = known !== null && equalBytes(known.hash, there.hash) && equalBytes(known.chat, there.chat);
    return same ? null : { kind: "altered", counter };
  }

  /** Compares everything that is known. @returns the counter of the first entry that is another one; `null` if none is */
  async #exchangedIn(
    { counter }: LedgerState,
    onProgress: (counter: number) => void,
  ): Promise<number | null> {
    const { archive, files } = this.#context;
    for (let at = 0; at < counter;) {
      const limit = Math.min(MAX_ENTRIES, counter - at);
      const { digests } = await archive.ask({ type: "digests", after: at, limit }, "digestPage");
      for (const { chat, hash } of digests) {
        at += 1;
        const known = files.digestOf(at);
        if (known === null || !equalBytes(known.chat, chat) || !equalBytes(known.hash, hash)) return at;
      }
      if (digests.length === 0) return at + 1;
      onProgress(at);
    }
    return null;
  }

  /**
   * Reads what entries are known by, from where it stopped.
   *
   * @param expected checkpoints by their counters
   * @returns how far it came; `altered` is the counter of a checkpoint that does not fit
   */
  async #readOn(
    from: LedgerState,
    expected: ReadonlyMap<number, Mark>,
    onProgress: (counter: number) => void,
  ): Promise<LedgerState & { readonly altered: number | null }> {
    const { archive, files } = this.#context;
    let at: Checkpoint = from;
    let pages = 0;
    for (let more = true; more;) {
      const page = await archive.ask(
        { type: "digests", after: at.counter, limit: MAX_ENTRIES },
        "digestPage",
      );
      for (const digest of page.digests) {
        at = await chainNext(at, digest);
        const mark = expected.get(at.counter);
        // A tag stands once in an archive for ever: one that comes again is a copy.
        const repeated = files.counterOf(digest.entry) !== null;
        if (repeated || (mark !== undefined && !equalBytes(mark.hash, at.hash))) {
          // What was added since is not to be kept, in the files neither.
          await files.save(from);
          await files.load();
          return { ...from, altered: at.counter };
        }
        files.add(digest);
      }
      onProgress(at.counter);
      more = page.more && page.digests.length > 0;
      pages += 1;
      // Whoever ends before all is read goes on from there next time.
      if (more && pages % PAGES_A_SAVE === 0)
        await files.save({ ...from, counter: at.counter, hash: at.hash });
    }
    const state = { ...from, counter: at.counter, hash: at.hash };
    if (at.counter > from.counter) await files.save(state);
    return { ...state, altered: null };
  }

  /** Leaves a checkpoint in both places, where there is news. Somebody else's is as good. */
  async #leave({ counter, hash, seen }: LedgerState, standing: Standing): Promise<void> {
    const { archive, service, secrets, files } = this.#context;
    const left = { ...seen };
    const sealFor = (kept: Mark["kept"]): Promise<Uint8Array> =>
      sealCheckpoint(secrets.key, this.#placeOf(kept), { counter, hash });
    if (seen.archive !== counter) {
      const replace = { version: standing.archive.version, sealed: await sealFor("archive") };
      const { written } = await archive.ask({ type: "checkpoint", replace }, "checkpointState");
      if (written) left.archive = counter;
    }
    if (seen.service !== counter && standing.service !== null) {
      const replaced = await service
        .replaceCheckpoint(standing.service.sealed, await sealFor("service"))
        .catch(() => false);
      if (replaced) left.service = counter;
    }
    if (left.archive !== seen.archive || left.service !== seen.service) {
      await files.save({ counter, hash, seen: left });
    }
  }

  #placeOf(kept: Mark["kept"]): CheckpointPlace {
    const { account, secrets } = this.#context;
    return kept === "archive" ? { kept, owner: secrets.id } : { kept, owner: account };
  }
}
