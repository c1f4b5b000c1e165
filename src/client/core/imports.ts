/** Takes messages over from a file into the archive: marked as what they are, each once, beside those that stand there. */
import { MAX_IMPORTED_NAME, MAX_IMPORTED_TO } from "../../crypto/archive-entry.js";
import { directConversation } from "../../crypto/conversation.js";
import { FastChatError, type ErrorCode } from "../../protocol/errors.js";
import { parseUserName, type AccountId, type ConversationId, type MessageId } from "../../protocol/ids.js";
import { MAX_PAYLOAD_BYTES } from "../../protocol/payload.js";
import type { Clock } from "../../protocol/runtime.js";
import type { Archive, NewEntry } from "./archive.js";
import type { Contacts } from "./contacts.js";
import type { Entries } from "./entries.js";
import { RecentMap } from "./recent-map.js";

/** A message as a file tells it. Nothing vouches for any of it. */
export interface ImportedMessage {
  readonly id: MessageId;
  readonly direction: "sent" | "received";
  /** Names, of at most {@link MAX_IMPORTED_NAME} and {@link MAX_IMPORTED_TO} UTF-16 code units. */
  readonly from: string;
  readonly to: string;
  readonly fromAccount: AccountId;
  /** To one person, or to a group. */
  readonly toWhom:
    | { readonly kind: "person"; readonly account: AccountId }
    | { readonly kind: "group"; readonly group: ConversationId };
  /** At most {@link MAX_PAYLOAD_BYTES} of UTF-8. */
  readonly text: string;
  /** Milliseconds since 1970; 0 where it is not known. */
  readonly at: number;
}

export interface ImportResult {
  readonly imported: number;
  /** Those that stood in the archive already, genuine or imported before. */
  readonly alreadyThere: number;
}

export interface ImportContext {
  readonly me: AccountId;
  readonly archive: Pick<Archive, "append">;
  readonly contacts: Pick<Contacts, "byName">;
  readonly entries: Entries;
  readonly clock: Clock;
}

/** Messages taken over at a time. */
export const MOST_IMPORTED_AT_ONCE = 500;
/** What says that a name of the file is nobody's here. */
const NOBODY: ReadonlySet<ErrorCode> = new Set(["noSuchAccount", "keyChanged"]);

/** Names that are looked up once. */
const REMEMBERED_PEERS = 1_000;

const encoder = new TextEncoder();

/** One file's messages. */
export class Import {
  /** By names of the file. */
  readonly #peers = new RecentMap<string, AccountId>(REMEMBERED_PEERS);

  /** @param account whose history the file is of */
  constructor(
    private readonly context: ImportContext,
    private readonly account: AccountId,
  ) {}

  /**
   * Takes some messages over, in their order, behind what stands there.
   *
   * @param messages at most {@link MOST_IMPORTED_AT_ONCE}
   * @throws FastChatError `tooLarge` for a text or name that is too long, before any of them is taken; `unreachable`,
   *   `unavailable` where it cannot be asked who is who; what the archive answers
   */
  async add(messages: readonly ImportedMessage[]): Promise<ImportResult> {
    if (messages.length > MOST_IMPORTED_AT_ONCE) {
      throw new FastChatError(
        "badRequest",
        `At most ${MOST_IMPORTED_AT_ONCE} messages are imported at once.`,
      );
    }
    for (const message of messages) refuseTooLong(message);
    const { archive, clock } = this.context;
    const importedAt = clock.now();
    const entries = [];
    for (const message of messages) entries.push(await this.#entryOf(message, importedAt));
    const results = await Promise.all(entries.map((entry) => archive.append(entry)));
    const alreadyThere = results.filter(({ had }) => had).length;
    return { imported: results.length - alreadyThere, alreadyThere };
  }

  async #entryOf(
    { id, direction, from, to, text, at, fromAccount, toWhom }: ImportedMessage,
    importedAt: number,
  ): Promise<NewEntry> {
    const { me, entries } = this.context;
    const sender = direction === "sent" ? this.account : fromAccount;
    const peer =
      direction === "sent" && toWhom.kind === "person"
        ? await this.#accountOf(to, toWhom.account)
        : await this.#accountOf(from, sender);
    const isToGroup = toWhom.kind === "group";
    const conversation = isToGroup ? toWhom.group : await directConversation(me, peer);
    return entries.imported(conversation, sender, {
      direction,
      message: id,
      peer,
      ...(isToGroup ? { group: toWhom.group } : {}),
      from,
      to,
      text,
      sentAt: at,
      importedAt,
    });
  }

  /** In the history of another account, people are who has their names here; where nobody does, who they were there. */
  async #accountOf(name: string, account: AccountId): Promise<AccountId> {
    if (this.account === this.context.me) return account;
    const known = this.#peers.get(name);
    if (known !== undefined) return known;
    const found = (await this.#cardOf(name)) ?? account;
    this.#peers.set(name, found);
    return found;
  }

  async #cardOf(name: string): Promise<AccountId | null> {
    const folded = parseUserName(name);
    if (folded === null) return null;
    try {
      return (await this.context.contacts.byName(folded)).account;
    } catch (error) {
      if (error instanceof FastChatError && NOBODY.has(error.code)) return null;
      throw error;
    }
  }
}

function refuseTooLong({ id, from, to, text }: ImportedMessage): void {
  if (from.length > MAX_IMPORTED_NAME || to.length > MAX_IMPORTED_TO) {
    throw new FastChatError("tooLarge", `A name in message ${id} is longer than any that people have here.`);
  }
  if (text.length > MAX_PAYLOAD_BYTES || encoder.encode(text).length > MAX_PAYLOAD_BYTES) {
    throw new FastChatError("tooLarge", `Message ${id} is longer than ${MAX_PAYLOAD_BYTES} bytes.`);
  }
}
