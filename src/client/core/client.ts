/**
 * The client: one account on one device. It connects when something needs it, comes back by itself after a loss, and
 * takes all that belongs to the device through {@link ClientPorts}, so that it runs wherever those do.
 */
import { safetyNumber } from "../../crypto/safety-number.js";
import { MAX_ENTRIES } from "../../protocol/archive.js";
import { utf8 } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import {
  parseUserName,
  type AccountId,
  type DeviceId,
  type MessageId,
  type UserName,
} from "../../protocol/ids.js";
import { MAX_TEXT_BYTES } from "../../protocol/payload.js";
import { login, register, remembered, type Login, type Registration } from "./account.js";
import type { AccountRecord } from "./account-file.js";
import { assemble, type ClientOptions, type Parts } from "./assemble.js";
import type { Selection } from "./deleting.js";
import { DeviceFiles } from "./device-files.js";
import type { FileSource } from "./files.js";
import type { GroupActions } from "./group-actions.js";
import type { GroupInvites } from "./group-invites.js";
import type { Import } from "./imports.js";
import type {
  ArchiveCheck,
  ChatChange,
  ChatList,
  ChatQuery,
  HistoryEntry,
  HistoryQuery,
  ListenHandlers,
  Listening,
  MessageReceipts,
  SentFile,
  SentMessage,
  SignedInDevice,
} from "./messages.js";
import { forgetNumbers } from "./outbox-files.js";
import { parsePeer } from "./peers.js";
import type { ClientPorts } from "./ports.js";

export type { ClientOptions } from "./assemble.js";

const DEFAULT_LIMIT = 50;

export class Client {
  readonly me: { readonly account: AccountId; readonly name: UserName; readonly device: DeviceId };
  readonly #parts: Parts;

  private constructor(me: Client["me"], parts: Parts) {
    this.me = me;
    this.#parts = parts;
  }

  /**
   * Makes an account and signs this device in.
   *
   * @throws FastChatError `badName`, `nameTaken`; `conflict` where the device belongs to an account; `forbidden` where
   *   the service asks for a weak password hash; what the {@link ClientPorts.http} throws
   */
  static async register(
    ports: ClientPorts,
    registration: Registration,
    options: ClientOptions = {},
  ): Promise<Client> {
    const files = await DeviceFiles.open(ports.storage);
    const weak = options.acceptWeakStretching ?? false;
    return Client.#start(ports, files, await register(ports, files, registration, weak), options);
  }

  /**
   * Signs this device in.
   *
   * @throws FastChatError `badName`; `loginFailed` for an unknown name and a wrong password alike; `conflict` where the
   *   device belongs to another account; `forbidden` where the service asks for a weak password hash; `keyChanged` where
   *   the name is another account's now; `undecryptable` where the vault is damaged, forged or older than one seen here;
   *   `unavailable`, `unreachable` where `quick` needs the archive and it is away: the device is not signed in then
   */
  static async login(ports: ClientPorts, credentials: Login, options: ClientOptions = {}): Promise<Client> {
    const files = await DeviceFiles.open(ports.storage);
    const account = await login(ports, files, credentials, options.acceptWeakStretching ?? false);
    await forgetNumbers(files, account.device);
    const client = await Client.#start(ports, files, account, options);
    if (credentials.quick === true) await client.#beginHistoryHere();
    return client;
  }

  /** QuickChat, or nothing: a device on which it cannot be begun keeps no keys. */
  async #beginHistoryHere(): Promise<void> {
    try {
      await this.#parts.history.beginHere();
    } catch (error) {
      // Its session, where the service cannot be told, ends by itself in time.
      await this.#parts.logout(true).catch(() => undefined);
      throw error;
    }
  }

  /**
   * The account that this device remembers; nothing is asked of the service.
   *
   * @throws FastChatError `notSignedIn`; `undecryptable` where the device's files are damaged
   */
  static async resume(ports: ClientPorts, options: ClientOptions = {}): Promise<Client> {
    const files = await DeviceFiles.open(ports.storage);
    return Client.#start(ports, files, await remembered(files), options);
  }

  static async #start(
    ports: ClientPorts,
    files: DeviceFiles,
    record: AccountRecord,
    options: ClientOptions,
  ): Promise<Client> {
    const { account, name, device } = record;
    return new Client({ account, name, device }, await assemble(ports, files, record, options));
  }

  /**
   * Sends a text.
   *
   * @param to a user name; or a group: `#` and its title, or its id
   * @returns once the service has accepted it
   * @throws FastChatError `badName`, `badRequest` (no text), `tooLarge`, `noSuchAccount`, `queueFull`, `keyChanged`,
   *   `notSignedIn`; `timeout` or `unreachable` where it is not accepted in time: the text then says whether it is kept
   */
  async send(to: string, text: string): Promise<SentMessage> {
    const peer = parsePeer(to);
    if (text === "") throw new FastChatError("badRequest", "A message needs a text.");
    checkText(text);
    return this.#parts.outbox.send(peer, { type: "text", text });
  }

  /**
   * Sends a file: it is stored with the service, sealed, and its recipient is told where it is and how to open it.
   *
   * @param to a user name; or a group: `#` and its title, or its id
   * @param options `text`: goes with it; `onProgress`: told how many of its bytes are stored
   * @returns once the service has accepted the message
   * @throws FastChatError as {@link send}; `badRequest` for a name of no or more than 255 bytes; `tooLarge`, `tooMany`,
   *   `quotaExceeded` where the service does not store it
   */
  async sendFile(
    to: string,
    file: FileSource,
    {
      text = "",
      onProgress = () => undefined,
    }: { readonly text?: string; readonly onProgress?: (bytes: number) => void } = {},
  ): Promise<SentMessage> {
    const peer = parsePeer(to);
    checkText(text);
    // Before much is stored for nobody.
    await this.#parts.peers.find(peer);
    return this.#parts.outbox.send(peer, await this.#parts.files.upload(file, text, onProgress));
  }

  /**
   * Fetches a file that was sent or received in the conversation with a person.
   *
   * @param message the message's id; `null` for the newest that has a file
   * @param open given what the message says of the file; takes its bytes, in order. They are the file's once this has
   *   returned, and not before.
   * @throws FastChatError `badName`, `noSuchAccount`, `keyChanged`; `noSuchMessage`; `noSuchFile` where it has expired;
   *   `undecryptable` where it is damaged or another one than was sent; `unavailable`, `unreachable`
   */
  async fetchFile(
    name: string,
    message: MessageId | null,
    open: (file: SentFile) => Promise<(bytes: Uint8Array) => Promise<void>>,
  ): Promise<void> {
    const attachment = await this.#parts.history.attachment(parsePeer(name), message);
    const write = await open({ name: attachment.name, bytes: attachment.bytes });
    await this.#parts.files.download(attachment, write);
  }

  /**
   * Takes deliveries: first what waited, then what comes. One spell at a time.
   *
   * @param options `pending`: also on a device that leaves what waits with the service
   * @throws FastChatError `badRequest` where this device leaves what waits with the service, `conflict` while another spell
   *   goes on; `unavailable` on a closed client
   */
  async listen(
    handlers: ListenHandlers,
    { pending = false }: { readonly pending?: boolean } = {},
  ): Promise<Listening> {
    if (this.leavesPending && !pending) {
      throw new FastChatError(
        "badRequest",
        "This device leaves what waits with the service until it is asked for what is pending.",
      );
    }
    return this.#parts.listen(handlers);
  }

  /** What this account does with groups, and knows of them. Names and titles are as people type them. */
  get groups(): GroupActions {
    return this.#parts.groupActions;
  }

  /** Links by which people come into groups. */
  get invites(): GroupInvites {
    return this.#parts.groupInvites;
  }

  /** Where the archive lies, with what opens it; `null` for one that the service keeps. */
  get ownArchive(): string | null {
    return this.#parts.ownArchive;
  }

  /** Whether this device leaves what waits with the service until it is asked for. */
  get leavesPending(): boolean {
    return this.#parts.leavesPending;
  }

  /** Whether what stood in the archive before this device logged in is not shown here (QuickChat). */
  get skipsHistory(): boolean {
    return this.#parts.history.isPartial;
  }

  /** Ends QuickChat: the whole history is shown here from now on. */
  restoreHistory(): Promise<void> {
    return this.#parts.history.restore();
  }

  /**
   * A page of history.
   *
   * @returns oldest first
   * @throws FastChatError `badName`, `badRequest` (limit), `noSuchAccount`, `keyChanged`; `unavailable`, `unreachable`
   *   while the archive is away
   */
  async history({ with: peer, limit = DEFAULT_LIMIT, before }: HistoryQuery = {}): Promise<HistoryEntry[]> {
    checkLimit(limit);
    const place = peer === undefined ? null : parsePeer(peer);
    return this.#parts.history.page({ with: place, limit, before: before ?? null });
  }

  /**
   * The whole history from its beginning, page by page: memory does not grow with it.
   *
   * @param peer a user name: that conversation only
   * @returns oldest first, within each page and over all
   * @throws FastChatError as {@link history}
   */
  wholeHistory(peer?: string): AsyncGenerator<HistoryEntry[], void> {
    return this.#parts.history.whole(peer === undefined ? null : parsePeer(peer));
  }

  /**
   * A page of chats, the one with the newest entry first, with what is unread in each.
   *
   * @param query `limit`: the most chats, 1 to 500, 50 if missing; `before`: the {@link ChatList.next} of the page before
   * @throws FastChatError `badRequest` (limit); `unavailable`, `unreachable` while the archive is away
   */
  async chats({ limit = DEFAULT_LIMIT, before }: ChatQuery = {}): Promise<ChatList> {
    checkLimit(limit);
    return this.#parts.chats.list(limit, before ?? null);
  }

  /**
   * Who has got, and read, a message of this account, as far as they have told.
   *
   * @param name a user name; or a group: `#` and its title, or its id
   * @param message the message's id; `null` for the newest
   * @throws FastChatError `badName`, `noSuchAccount`, `keyChanged`; `noSuchMessage`; `unavailable`, `unreachable` while the archive
   *   is away
   */
  async receipts(name: string, message: MessageId | null): Promise<MessageReceipts> {
    return this.#parts.history.receiptsOf(parsePeer(name), message);
  }

  /** Whether authors are not told from this device that their messages were read. */
  get hidesReading(): boolean {
    return this.#parts.settings.hidesReading;
  }

  /** Tells authors from this device that their messages were read, or does not. */
  hideReading(hides: boolean): Promise<void> {
    return this.#parts.settings.hideReading(hides);
  }

  /**
   * What was typed to a person and not sent, on whichever device of this account.
   *
   * @returns empty where nothing was
   * @throws FastChatError `badName`, `noSuchAccount`, `keyChanged`; `unavailable`, `unreachable` while the archive is away
   */
  async draft(name: string): Promise<string> {
    return this.#parts.draft(parsePeer(name));
  }

  /**
   * Changes what all devices of this account know about the chat with a person.
   *
   * @throws FastChatError `badName`, `noSuchAccount`, `keyChanged`; `badRequest` where nothing was said yet, or for a draft
   *   that is too long; `unavailable`, `unreachable` while the archive is away
   */
  async changeChat(name: string, change: ChatChange): Promise<void> {
    return this.#parts.changeChat(parsePeer(name), change);
  }

  /**
   * The devices that are signed in to this account, the one that was used last first.
   *
   * @throws FastChatError `notSignedIn`; what the {@link ClientPorts.http} throws
   */
  devices(): Promise<readonly SignedInDevice[]> {
    return this.#parts.devices();
  }

  /**
   * Searches the history for entries that have all of these words, or words that begin so. The first time reads all of it,
   * to make an index on this device.
   *
   * @param options `limit`: at most so many, 50 if missing; `onProgress`: told the counter up to which the index has got
   * @returns the newest that were found, oldest first
   * @throws FastChatError `badRequest` without a word, or for the limit; `unavailable`, `unreachable` while the archive is away
   */
  async search(
    words: string,
    {
      limit = DEFAULT_LIMIT,
      onProgress,
    }: { readonly limit?: number; readonly onProgress?: (counter: number) => void } = {},
  ): Promise<HistoryEntry[]> {
    checkLimit(limit);
    return this.#parts.history.search(words, limit, onProgress);
  }

  /**
   * How many messages of the conversation with a person a selection means, of those that {@link deleteHistory} deletes.
   *
   * @throws FastChatError as {@link deleteHistory}
   */
  countHistory(name: string, selection: Selection): Promise<number> {
    return this.#parts.history.countSelected(parsePeer(name), selection);
  }

  /**
   * Deletes messages from this account's history, for all its devices; others keep theirs. It cannot be undone.
   *
   * @returns how many were deleted
   * @throws FastChatError `badName`, `noSuchAccount`, `keyChanged`; `badRequest` where a message that is named does not stand
   *   there, and nothing is deleted then; `unavailable`, `unreachable` while the archive is away
   */
  deleteHistory(name: string, selection: Selection): Promise<number> {
    return this.#parts.history.deleteSelected(parsePeer(name), selection);
  }

  /**
   * Begins to take messages over from a file.
   *
   * @param account whose history the file is of, as it says
   */
  import(account: AccountId): Import {
    return this.#parts.import(account);
  }

  /**
   * Compares the archive with what this account knows of it, to its newest entry.
   *
   * @param options `accept`: take it as it is for what it shall be, missing entries and all; `whole`: compare everything that
   *   this device knows, not only where that ends; `onProgress`: told the counter up to which was read
   * @throws FastChatError `unavailable`, `unreachable` while the archive is away
   */
  checkArchive({
    accept = false,
    whole = false,
    onProgress,
  }: {
    readonly accept?: boolean;
    readonly whole?: boolean;
    readonly onProgress?: (counter: number) => void;
  } = {}): Promise<ArchiveCheck> {
    return accept ? this.#parts.ledger.accept() : this.#parts.ledger.check(onProgress, whole);
  }

  /**
   * The number that two people compare to know that nobody stands between them.
   *
   * @returns twelve groups of five digits
   * @throws FastChatError `badName`, `noSuchAccount`, `keyChanged`
   */
  async safetyNumber(name: string): Promise<string> {
    const contact = await this.#parts.contacts.byName(nameOf(name));
    return safetyNumber(this.#parts.identityKey, contact.identityKey);
  }

  /**
   * Ends this device's session and removes the account's keys from it. The client is closed then, whatever comes of it.
   *
   * @throws FastChatError `unavailable` where messages wait to be sent or archived; what the balancer answers where it cannot
   *   be told. With `discard` neither keeps anything from being removed.
   */
  logout({ discard = false }: { readonly discard?: boolean } = {}): Promise<void> {
    return this.#parts.logout(discard);
  }

  /** Stops listening and sending; waits a little for what is to be archived. What is not accepted stays on the device. */
  close(): Promise<void> {
    return this.#parts.close();
  }
}

function checkLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_ENTRIES) return;
  throw new FastChatError(
    "badRequest",
    `The limit is ${limit}; give a whole number from 1 to ${MAX_ENTRIES}.`,
  );
}

function checkText(text: string): void {
  const bytes = utf8(text).length;
  if (bytes <= MAX_TEXT_BYTES) return;
  throw new FastChatError(
    "tooLarge",
    `The text has ${bytes} bytes; at most ${MAX_TEXT_BYTES} may be sent at once.`,
  );
}

function nameOf(typed: string): UserName {
  const name = parseUserName(typed);
  if (name === null) throw new FastChatError("badName", `"${typed.slice(0, 64)}" is not a user name.`);
  return name;
}
