/** What this account does with its history: reads, searches and deletes it, and has a device show none of what stood before. */
import type { MessageId } from "../../protocol/ids.js";
import type { Clock } from "../../protocol/runtime.js";
import type { Archive } from "./archive.js";
import { deleteSelected, selected, type DeletingContext, type Selection } from "./deleting.js";
import type { Deletions } from "./deletions.js";
import type { DeviceSettings } from "./device-settings.js";
import type { Attachment } from "./files.js";
import { findAttachment, findSent, readHistory, wholeHistory, type HistoryContext } from "./history.js";
import type { LineContext } from "./history-lines.js";
import type { Ledger } from "./ledger.js";
import type { HistoryEntry, MessageReceipts } from "./messages.js";
import type { PeerName, Peers } from "./peers.js";
import type { Search } from "./search.js";
import { within } from "./within.js";

export interface HistoryActionsContext extends LineContext {
  readonly archive: Pick<Archive, "read" | "head">;
  readonly ledger: LineContext["ledger"] & Pick<Ledger, "check">;
  readonly deletions: Deletions;
  readonly peers: Pick<Peers, "place">;
  readonly search: Pick<Search, "find" | "forget">;
  readonly settings: Pick<DeviceSettings, "historyAfter" | "showHistoryAfter">;
  readonly clock: Clock;
  /** Waits a little for own messages that are not archived yet. */
  readonly recover: () => Promise<void>;
}

/** How long reading history waits for the archive to be compared with what this account knows of it, in milliseconds. */
const CHECK_MS = 2_000;

export class HistoryActions {
  readonly #context: HistoryActionsContext;
  readonly #shown: HistoryContext;
  /** Also what is not shown here. */
  readonly #all: DeletingContext;

  constructor(context: HistoryActionsContext) {
    this.#context = context;
    this.#shown = { ...context, historyAfter: () => context.settings.historyAfter };
    this.#all = { ...context, historyAfter: () => 0 };
  }

  /** Whether what stood in the archive before is not shown here. */
  get isPartial(): boolean {
    return this.#context.settings.historyAfter > 0;
  }

  /** What stands in the archive is not shown here. */
  async beginHere(): Promise<void> {
    const { archive, settings } = this.#context;
    const { counter } = await archive.head();
    await settings.showHistoryAfter(counter);
  }

  /** All of it is shown again. */
  restore(): Promise<void> {
    return this.#context.settings.showHistoryAfter(0);
  }

  async page({
    with: peer,
    ...query
  }: {
    readonly with: PeerName | null;
    readonly limit: number;
    readonly before: number | null;
  }): Promise<HistoryEntry[]> {
    const { recover, peers, ledger, clock } = this.#context;
    await recover();
    const place = peer === null ? null : await peers.place(peer);
    // What is read further is known later; what was known before counts now.
    await within(
      clock,
      CHECK_MS,
      ledger.check().catch(() => undefined),
    );
    return readHistory(this.#shown, { ...query, place });
  }

  async *whole(peer: PeerName | null): AsyncGenerator<HistoryEntry[], void> {
    const { recover, peers, ledger } = this.#context;
    await recover();
    await ledger.check();
    const place = peer === null ? null : await peers.place(peer);
    yield* wholeHistory(this.#shown, place);
  }

  async search(
    words: string,
    limit: number,
    onProgress: ((counter: number) => void) | undefined,
  ): Promise<HistoryEntry[]> {
    const { recover, search } = this.#context;
    await recover();
    return search.find(words, limit, onProgress);
  }

  async attachment(peer: PeerName, message: MessageId | null): Promise<Attachment> {
    return findAttachment(this.#all, await this.#context.peers.place(peer), message);
  }

  async receiptsOf(peer: PeerName, message: MessageId | null): Promise<MessageReceipts> {
    const { recover, peers, receipts, contacts } = this.#context;
    await recover();
    const { line, own } = await findSent(this.#shown, await peers.place(peer), message);
    const [states] = await receipts.of([own]);
    const all = [...(states ?? [])];
    const names = await contacts.namesOf(all.map(([account]) => account));
    const members = all.map(([account, state]) => ({
      account,
      name: names.get(account) ?? account,
      state,
    }));
    return { message: line, members };
  }

  async countSelected(peer: PeerName, selection: Selection): Promise<number> {
    const { recover, peers } = this.#context;
    await recover();
    return (await selected(this.#all, await peers.place(peer), selection)).count;
  }

  async deleteSelected(peer: PeerName, selection: Selection): Promise<number> {
    const { recover, peers, ledger } = this.#context;
    await recover();
    await ledger.check();
    return deleteSelected(this.#all, await peers.place(peer), selection);
  }
}
