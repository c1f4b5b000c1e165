/**
 * The groups of this account (PROTOCOL.md, "Groups"): their logs, verified from the first event on, and what they are called. Both
 * stand in the archive, so that all devices have them, and a copy lies on this one. What the service shows of a group is held to
 * what is known already.
 */
import type { EnvelopeHeader } from "../../crypto/envelope-header.js";
import type { SignedGroupEvent } from "../../crypto/group-event.js";
import type { Group } from "../../crypto/membership.js";
import { FastChatError } from "../../protocol/errors.js";
import type { AccountId, ConversationId, MessageId } from "../../protocol/ids.js";
import type { PageEntry } from "./archive.js";
import type { GroupArchive } from "./group-archive.js";
import type { GroupFiles } from "./group-files.js";
import { GroupLog } from "./group-log.js";
import type { GroupService } from "./group-service.js";
import { standingIn, type Standing } from "./group-standing.js";
import { KnownGroups, type KnownGroup } from "./known-groups.js";
import type { GroupAlarm } from "./messages.js";

export interface GroupsContext {
  readonly me: AccountId;
  readonly service: Pick<GroupService, "append" | "epochs" | "events">;
  readonly archive: Pick<GroupArchive, "add" | "addTitle" | "after" | "open">;
  readonly files: GroupFiles;
  /** A log is not what it was, or not what others are shown. */
  onAlarm(alarm: GroupAlarm): void;
}

/** An event that was learned of just now. */
export interface GroupNews {
  readonly group: ConversationId;
  readonly title: string;
  readonly event: SignedGroupEvent;
}

/** The most events that are read of a group at a time. */
const MOST_EVENTS = 100_000;

export class Groups {
  readonly #context: GroupsContext;
  readonly #known: KnownGroups;
  readonly #news = new Set<(news: GroupNews) => void | Promise<void>>();
  #loaded: Promise<void> | null = null;
  #upTo = 0;
  #reading: Promise<void> | null = null;
  /** What was told of already. */
  readonly #alarms = new Set<string>();

  constructor(context: GroupsContext) {
    this.#context = context;
    this.#known = new KnownGroups(context.files);
  }

  /** Told of events from now on, until the returned function is called. */
  onNews(listener: (news: GroupNews) => void | Promise<void>): () => void {
    this.#news.add(listener);
    return () => this.#news.delete(listener);
  }

  /** All that are known, also those that this account has left. */
  async list(): Promise<{ readonly group: Group; readonly title: string }[]> {
    await this.#load();
    return this.#known
      .all()
      .flatMap(({ log: { group }, title }) => (group === null ? [] : [{ group, title }]));
  }

  /** As far as it is known here; `null` for none. */
  async find(id: ConversationId): Promise<{ readonly group: Group; readonly title: string } | null> {
    await this.#load();
    const group = this.#known.group(id);
    return group === null ? null : { group, title: this.#known.title(id) };
  }

  /**
   * What a group is called.
   *
   * @returns empty where it has no title, or is not known here
   */
  async titleOf(id: ConversationId): Promise<string> {
    await this.#load();
    return this.#known.title(id);
  }

  /**
   * The members after the event of that number.
   *
   * @returns none where the group, or that much of its log, is not known here or to the archive
   */
  async membersAt(id: ConversationId, epoch: number): Promise<readonly AccountId[]> {
    await this.#load();
    if (this.#known.epoch(id) < epoch) await this.readOn();
    return [...(this.#known.groupAt(id, epoch)?.members.keys() ?? [])];
  }

  /** What groups are called; where that is not known here, as on a new device, the archive is asked. */
  async titlesOf(ids: Iterable<ConversationId>): Promise<Map<ConversationId, string>> {
    const wanted = [...new Set(ids)];
    await this.#load();
    if (wanted.some((id) => this.#known.title(id) === "")) await this.readOn();
    return new Map(wanted.map((id) => [id, this.#known.title(id)]));
  }

  /**
   * Learns what the service has of a group behind what is known.
   *
   * @throws FastChatError `noSuchGroup`; `undecryptable` where the service shows what no member signed; what keeps the service
   *   from answering
   */
  async catchUp(id: ConversationId): Promise<Group> {
    await this.#load();
    // Another device may know better than the service says.
    if (!this.#known.has(id)) await this.readOn();
    return this.#known.alone(async () => {
      // All of a log that is new, before any of it is believed: a service could name any group.
      const events: Uint8Array[] = [];
      const known = this.#known.epoch(id);
      for (let more = true; more;) {
        const page = await this.#context.service.events(id, known + events.length);
        events.push(...page.events);
        more = page.more && page.events.length > 0 && events.length < MOST_EVENTS;
      }
      if (known === 0) await this.#checkOwn(id, events);
      for (const bytes of events) await this.#learn(id, bytes, "service");
      return this.#known.entry(id).log.group as Group;
    });
  }

  /** @throws FastChatError `noSuchGroup` for a log of a group that this account was never in; `undecryptable` for one of none */
  async #checkOwn(id: ConversationId, events: readonly Uint8Array[]): Promise<void> {
    const log = new GroupLog(id);
    let own = false;
    for (const bytes of events) {
      if ((await log.offer(bytes)).kind !== "added") {
        throw new FastChatError("undecryptable", "The service shows a log that is not that group's.");
      }
      own ||= log.group?.members.has(this.#context.me) === true;
    }
    if (!own) throw new FastChatError("noSuchGroup", "You were never in that group.");
  }

  /** Looks whether groups have changed while nobody told of it. It throws only where this device fails. */
  async catchUpAll(): Promise<void> {
    try {
      await this.#load();
      // Also those that this account is not in any more: it may be let in again.
      const before = this.#known.all().map(({ log: { id, epoch } }) => ({ id, epoch }));
      if (before.length === 0) return;
      const epochs = await this.#context.service.epochs(before.map(({ id }) => id));
      for (const { id, epoch } of before) {
        const told = epochs.get(id) ?? 0;
        if (told > epoch) await this.catchUp(id);
        else if (told < epoch) this.#alarm(id, "hidden");
      }
    } catch (error) {
      // Whoever writes, or gets a message, asks again.
      if (!(error instanceof FastChatError)) throw error;
    }
  }

  /** Somebody says that a group has come to an epoch. It throws only where this device fails. */
  async hear(id: ConversationId, epoch: number): Promise<void> {
    try {
      await this.#load();
      if (this.#known.epoch(id) < epoch) await this.catchUp(id);
    } catch (error) {
      if (!(error instanceof FastChatError)) throw error;
    }
  }

  /**
   * Adds an event to a group's log that this device has signed.
   *
   * @throws FastChatError `conflict` where another came first; as {@link GroupService.append}
   */
  async append(id: ConversationId, event: SignedGroupEvent): Promise<void> {
    await this.#load();
    await this.#known.alone(async () => {
      await this.#context.service.append(event.number === 1 ? null : id, event.bytes);
      await this.#learn(id, event.bytes, "service");
    });
  }

  /** A message of an admin has told what a group is called. What is told once more changes nothing for those who know it. */
  async hearTitle(
    id: ConversationId,
    { title, again }: { readonly title: string; readonly again?: boolean },
    message: { readonly sender: AccountId; readonly message: MessageId },
  ): Promise<void> {
    if (again === true && (await this.titleOf(id)) !== "") return;
    await this.retitle(id, title, message);
  }

  /**
   * This device is about to let people in, or has told those the title whom it let in: noted on disk, so that a crash between
   * the two leaves nobody without one.
   *
   * @returns how it was noted before
   */
  async noteUntitled(id: ConversationId, untitled: boolean): Promise<boolean> {
    await this.#load();
    return this.#known.alone(async () => {
      const known = this.#known.entry(id);
      const before = known.untitled;
      known.untitled = untitled;
      if (before !== untitled) await this.#known.save(known);
      return before;
    });
  }

  /** Groups into which this device has let people who have not been told the title. */
  async untitled(): Promise<ConversationId[]> {
    await this.#load();
    return this.#known
      .all()
      .filter(({ untitled }) => untitled)
      .map(({ log }) => log.id);
  }

  /** A group is called so from here on. */
  async retitle(
    id: ConversationId,
    title: string,
    message: { readonly sender: AccountId; readonly message: MessageId },
  ): Promise<void> {
    await this.#load();
    await this.#known.alone(async () => {
      const known = this.#known.entry(id);
      if (known.title !== "") return;
      known.title = title;
      await this.#known.save(known);
    });
    this.#context.archive
      .addTitle(id, title, message)
      .then((counter) => this.#known.alone(() => this.#setTitle(id, title, counter)))
      // The archive was closed: whoever reads the message's chat is told again.
      .catch(() => undefined);
  }

  /** What the header of a message says of its group, held to the group's log. */
  async standing(header: EnvelopeHeader): Promise<Standing> {
    const { conversation, epoch } = header;
    await this.#load();
    if (this.#known.epoch(conversation) < epoch) {
      try {
        await this.catchUp(conversation);
      } catch (error) {
        if (!(error instanceof FastChatError)) throw error;
        // The archive may have told what the service does not.
        if (this.#known.epoch(conversation) < epoch) {
          const lasting = error.code === "undecryptable" || error.code === "noSuchGroup";
          return { kind: "unknown", soon: !lasting };
        }
      }
    }
    return standingIn(this.#known.groupAt(conversation, epoch), header, this.#context.me);
  }

  /** A message that is genuine shows that the service does not show everybody the same log. */
  accuse(id: ConversationId, kind: "forked" | "hidden"): void {
    this.#alarm(id, kind);
  }

  /** Reads what other devices of this account have learned, as far as the archive can be asked. */
  async readOn(): Promise<void> {
    await this.#load();
    this.#reading ??= this.#readOn()
      .catch((error: unknown) => {
        // The archive being away is no reason to know nothing at all.
        if (!(error instanceof FastChatError)) throw error;
      })
      .finally(() => {
        this.#reading = null;
      });
    return this.#reading;
  }

  /** Another device has learned something; entries of other kinds are none of this. */
  async learnFrom(entry: PageEntry): Promise<void> {
    await this.#load();
    await this.#known.alone(() => this.#take(entry));
  }

  async #readOn(): Promise<void> {
    for await (const page of this.#context.archive.after(this.#upTo)) {
      for (const entry of page) {
        await this.#known.alone(() => this.#take(entry));
        this.#upTo = entry.counter;
      }
      await this.#context.files.savePosition(this.#upTo);
    }
  }

  async #take(entry: PageEntry): Promise<void> {
    const content = await this.#context.archive.open(entry);
    if (content?.type === "groupEvent") await this.#learn(content.group, content.event, "archive");
    else if (content !== null) await this.#setTitle(content.group, content.title, entry.counter);
  }

  /**
   * Takes an event up.
   *
   * @param from who shows it; what the archive has need not go there
   * @throws FastChatError `undecryptable` for what the service made up
   */
  async #learn(id: ConversationId, bytes: Uint8Array, from: "service" | "archive"): Promise<void> {
    const known = this.#known.entry(id);
    const offered = await known.log.offer(bytes);
    if (offered.kind !== "added" && offered.kind !== "known") {
      // What is missing from the archive in front of it the ledger tells of.
      if (offered.kind !== "gap") this.#alarm(id, offered.kind);
      if (from === "archive") return;
      throw new FastChatError("undecryptable", "The service shows a change of the group that nobody signed.");
    }
    const { kind, event } = offered;
    if (from === "archive") known.archived = Math.max(known.archived, event.number);
    if (kind === "known") return;
    await this.#known.save(known);
    if (from === "service") await this.#archive(known, event);
    for (const tell of [...this.#news]) await tell({ group: id, title: known.title, event });
  }

  /** @returns once the event is given to the archive */
  async #archive(known: KnownGroup, event: SignedGroupEvent): Promise<void> {
    const { same } = await this.#context.archive.add(known.log.id, event);
    const done = async (): Promise<void> => {
      // Another device of this account took another event for the one of that number.
      if (!(await same)) this.#alarm(known.log.id, "forked");
      await this.#known.alone(async () => {
        known.archived = Math.max(known.archived, event.number);
        await this.#known.save(known);
      });
    };
    // What keeps it from being archived now is over when this client starts next.
    done().catch(() => undefined);
  }

  /** @param counter of the archive's entry that tells it */
  async #setTitle(id: ConversationId, title: string, counter: number): Promise<void> {
    const known = this.#known.entry(id);
    if (counter <= known.titleAt) return;
    known.title = title;
    known.titleAt = counter;
    await this.#known.save(known);
  }

  #alarm(group: ConversationId, kind: GroupAlarm["kind"]): void {
    const key = `${group} ${kind}`;
    if (this.#alarms.has(key)) return;
    this.#alarms.add(key);
    this.#context.onAlarm({ group, title: this.#known.title(group), kind });
  }

  /** Reads the files, unless that is done or under way. */
  #load(): Promise<void> {
    this.#loaded ??= this.#readFiles().catch((error: unknown) => {
      this.#loaded = null;
      throw error;
    });
    return this.#loaded;
  }

  async #readFiles(): Promise<void> {
    await this.#known.load();
    for (const known of this.#known.all()) {
      for (const event of known.log.events.slice(known.archived)) await this.#archive(known, event);
    }
    this.#upTo = await this.#context.files.position();
  }
}
