/** What this device knows of groups, in memory as on its disk. What changes a log or a title goes one after the other. */
import type { Group } from "../../crypto/membership.js";
import type { ConversationId } from "../../protocol/ids.js";
import type { GroupFiles } from "./group-files.js";
import { GroupLog } from "./group-log.js";

export interface KnownGroup {
  readonly log: GroupLog;
  /** Empty before it was told. */
  title: string;
  /** Of the archive's entry that told it; 0 while that is on its way. */
  titleAt: number;
  /** Number of the newest event that the archive has. */
  archived: number;
  /** Whether this device has let people in who have not been told the title. */
  untitled: boolean;
}

export class KnownGroups {
  readonly #groups = new Map<ConversationId, KnownGroup>();
  #working: Promise<unknown> = Promise.resolve();

  constructor(private readonly files: Pick<GroupFiles, "load" | "save">) {}

  /** Reads the files. */
  async load(): Promise<void> {
    for (const { id, title, titleAt, archived, events, untitled = false } of await this.files.load()) {
      const known = { log: new GroupLog(id), title, titleAt, archived, untitled };
      for (const bytes of events) await known.log.offer(bytes);
      this.#groups.set(id, known);
    }
  }

  save({ log, title, titleAt, archived, untitled }: KnownGroup): Promise<void> {
    const events = log.events.map(({ bytes }) => bytes);
    return this.files.save({ id: log.id, title, titleAt, archived, events, untitled });
  }

  all(): KnownGroup[] {
    return [...this.#groups.values()];
  }

  has(id: ConversationId): boolean {
    return this.#groups.has(id);
  }

  /** `null` where none is known, or no event of it. */
  group(id: ConversationId): Group | null {
    return this.#groups.get(id)?.log.group ?? null;
  }

  /** As it was after the event of that number; `null` where that is not known. */
  groupAt(id: ConversationId, epoch: number): Group | null {
    return this.#groups.get(id)?.log.at(epoch) ?? null;
  }

  /** Number of the newest event that is known; 0 for none. */
  epoch(id: ConversationId): number {
    return this.#groups.get(id)?.log.epoch ?? 0;
  }

  /** Empty where it has none, or is not known. */
  title(id: ConversationId): string {
    return this.#groups.get(id)?.title ?? "";
  }

  /** What is known of it, to be changed; nothing yet, where it is not known. */
  entry(id: ConversationId): KnownGroup {
    const known = this.#groups.get(id) ?? {
      log: new GroupLog(id),
      title: "",
      titleAt: 0,
      archived: 0,
      untitled: false,
    };
    this.#groups.set(id, known);
    return known;
  }

  /** Runs `work` behind what is being done. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const working = this.#working.then(work, work);
    this.#working = working.catch(() => undefined);
    return working;
  }
}
