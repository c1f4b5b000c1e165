/**
 * The client: one account on one device. It connects when something needs it, comes back by itself after a loss, and
 * takes all that belongs to the device through {@link ClientPorts}, so that it runs wherever those do.
 */
import { importAccountKeys } from "../../crypto/account-keys.js";
import { verifyCard } from "../../crypto/card.js";
import { safetyNumber } from "../../crypto/safety-number.js";
import { MAX_ENTRIES } from "../../protocol/archive.js";
import { FastChatError, type ErrorRecord } from "../../protocol/errors.js";
import { parseUserName, type AccountId, type DeviceId, type UserName } from "../../protocol/ids.js";
import { MAX_TEXT_BYTES } from "../../protocol/payload.js";
import { utf8 } from "../../protocol/bytes.js";
import { login, register, remembered, type Login, type Registration } from "./account.js";
import { rememberArchive, type AccountRecord } from "./account-file.js";
import { Archive } from "./archive.js";
import { Balancer } from "./balancer.js";
import { Contacts } from "./contacts.js";
import { Conversations } from "./conversations.js";
import { DeviceFiles } from "./device-files.js";
import { Entries } from "./entries.js";
import { readHistory } from "./history.js";
import { ListeningSpell } from "./listening.js";
import type {
  ConnectionStatus,
  HistoryEntry,
  HistoryQuery,
  ListenHandlers,
  Listening,
  SentMessage,
} from "./messages.js";
import { logout } from "./logout.js";
import { Outbox } from "./outbox.js";
import { forgetNumbers, OutboxFiles } from "./outbox-files.js";
import { Placer } from "./placement.js";
import type { ClientPorts } from "./ports.js";
import { Session } from "./session.js";
import { within } from "./within.js";

export interface ClientOptions {
  /** For laboratories only: take a weaker password hash than that of RFC 9106, if the service asks for one. */
  readonly acceptWeakStretching?: boolean;
  /** How long a send waits to be accepted, in milliseconds; 30,000 if missing. */
  readonly sendPatienceMs?: number;
  /** Told how the connections fare while nobody listens. It must not throw. */
  readonly onStatus?: (status: ConnectionStatus) => void;
}

const DEFAULT_SEND_PATIENCE_MS = 30_000;
const DEFAULT_LIMIT = 50;
/** How long reading history waits for own messages that are not archived yet, in milliseconds. */
const RECOVER_MS = 2_000;

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
   *   the name is another account's now; `undecryptable` where the vault is damaged, forged or older than one seen here
   */
  static async login(ports: ClientPorts, credentials: Login, options: ClientOptions = {}): Promise<Client> {
    const files = await DeviceFiles.open(ports.storage);
    const account = await login(ports, files, credentials, options.acceptWeakStretching ?? false);
    await forgetNumbers(files, account.device);
    return Client.#start(ports, files, account, options);
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
   * @param to a user name
   * @returns once the service has accepted it
   * @throws FastChatError `badName`, `badRequest` (no text), `tooLarge`, `noSuchAccount`, `queueFull`, `keyChanged`,
   *   `notSignedIn`; `timeout` or `unreachable` where it is not accepted in time: the text then says whether it is kept
   */
  async send(to: string, text: string): Promise<SentMessage> {
    const name = nameOf(to);
    if (text === "") throw new FastChatError("badRequest", "A message needs a text.");
    const bytes = utf8(text).length;
    if (bytes > MAX_TEXT_BYTES) {
      throw new FastChatError(
        "tooLarge",
        `The text has ${bytes} bytes; at most ${MAX_TEXT_BYTES} may be sent at once.`,
      );
    }
    return this.#parts.outbox.send(name, { type: "text", text });
  }

  /**
   * Takes deliveries: first what waited, then what comes. One spell at a time.
   *
   * @throws FastChatError `conflict` while another spell goes on; `unavailable` on a closed client
   */
  async listen(handlers: ListenHandlers): Promise<Listening> {
    return this.#parts.listen(handlers);
  }

  /**
   * A page of history.
   *
   * @returns oldest first
   * @throws FastChatError `badName`, `badRequest` (limit), `noSuchAccount`, `keyChanged`; `unavailable`, `unreachable`
   *   while the archive is away
   */
  async history({ with: peer, limit = DEFAULT_LIMIT, before }: HistoryQuery = {}): Promise<HistoryEntry[]> {
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_ENTRIES) {
      throw new FastChatError(
        "badRequest",
        `The limit is ${limit}; give a whole number from 1 to ${MAX_ENTRIES}.`,
      );
    }
    const name = peer === undefined ? null : nameOf(peer);
    return this.#parts.history({ with: name, limit, before: before ?? null });
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

/** What a client is made of, wired. */
interface Parts {
  readonly identityKey: Uint8Array;
  readonly contacts: Contacts;
  readonly outbox: Outbox;
  listen(handlers: ListenHandlers): Listening;
  history(query: Parameters<typeof readHistory>[1]): Promise<HistoryEntry[]>;
  logout(discard: boolean): Promise<void>;
  close(): Promise<void>;
}

async function assemble(
  ports: ClientPorts,
  files: DeviceFiles,
  record: AccountRecord,
  options: ClientOptions,
): Promise<Parts> {
  const { clock, random } = ports;
  const { account: me, device } = record;
  const keys = await importAccountKeys(record.vault);
  const card = await verifyCard(record.card);
  const balancer = new Balancer(ports.http, record.token);
  const placer = new Placer(clock, () => balancer.place());
  const entries = new Entries(keys.archive);
  let spell: ListeningSpell | null = null;
  let outage: ErrorRecord | null = null;
  let closed = false;

  const onStatus = (status: ConnectionStatus): void => {
    if (status.kind === "offline") outage = status.error;
    else if (status.kind === "connected") outage = null;
    if (spell === null) options.onStatus?.(status);
    else spell.onStatus(status);
  };
  const archive = new Archive(
    ports,
    {
      locate: () => placer.archive(),
      lost: () => placer.forgetArchive(),
      voucher: () => balancer.voucher(),
      made: record.archiveMade,
      onMade: () => rememberArchive(files, record),
      onStatus,
    },
    keys.archive,
  );
  const contacts = new Contacts({
    me: card,
    balancer,
    archive,
    entries,
    files,
    clock,
    onKeyChanged: (name) => onStatus({ kind: "keyChanged", name }),
  });
  const conversations = new Conversations({ keys, device, contacts, entries, clock, random });
  const session = new Session(ports, () => placer.server(), {
    onOpened: (welcome) => outbox.onOpened(welcome),
    onDown: () => outbox.onDown(),
    onLive: () => spell?.onLive(),
    onAccepted: (accepted) => outbox.onAccepted(accepted),
    onDeliver: (delivery) => spell?.onDeliver(delivery),
    onDrain: () => outbox.onDrain(),
    onClosed: (error) => {
      outbox.onClosed(error);
      spell?.onClosed(error);
    },
    onStatus,
    isNeeded: () => outbox.isBusy,
  });
  const outboxFiles = new OutboxFiles(files, me, device);
  const outbox: Outbox = new Outbox(
    {
      me: { account: me, device },
      files: outboxFiles,
      contacts,
      conversations,
      archive,
      clock,
      patienceMs: options.sendPatienceMs ?? DEFAULT_SEND_PATIENCE_MS,
      outage: () => (outage === null ? null : new FastChatError(outage.code, outage.message)),
    },
    session,
  );

  const recover = async (): Promise<void> => {
    const recovering = outbox.recover().catch(() => undefined);
    await within(clock, RECOVER_MS, recovering);
  };
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await spell?.stop();
    await outbox.close();
    session.stop();
    archive.close();
  };

  return {
    identityKey: keys.identity.publicKey,
    contacts,
    outbox,
    listen(handlers) {
      if (closed || session.error !== null) {
        throw session.error === null
          ? new FastChatError("unavailable", "The client was closed.")
          : new FastChatError(session.error.code, session.error.message);
      }
      if (spell !== null) throw new FastChatError("conflict", "This client listens already.");
      const wiring = { me, conversations, entries, archive, clock, random };
      const started = new ListeningSpell(wiring, session, handlers, () => {
        spell = null;
      });
      spell = started;
      archive.open();
      started.start();
      return started;
    },
    async history(query) {
      await recover();
      return readHistory({ me, archive, entries, contacts, conversations }, query);
    },
    async logout(discard) {
      if (!discard) await recover();
      await close();
      await logout(files, outboxFiles, balancer, discard);
    },
    close,
  };
}

function nameOf(typed: string): UserName {
  const name = parseUserName(typed);
  if (name === null) throw new FastChatError("badName", `"${typed.slice(0, 64)}" is not a user name.`);
  return name;
}
