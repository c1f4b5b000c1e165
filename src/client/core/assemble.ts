/** What a client is made of, and how that is wired. */
import { importAccountKeys } from "../../crypto/account-keys.js";
import { verifyCard } from "../../crypto/card.js";
import { FastChatError, type ErrorRecord } from "../../protocol/errors.js";
import type { AccountId } from "../../protocol/ids.js";
import { accountArchives } from "./account-archives.js";
import { rememberArchive, type AccountRecord } from "./account-file.js";
import { watchArchive } from "./archive-watch.js";
import { Balancer } from "./balancer.js";
import { changedNote, Chats } from "./chats.js";
import { Contacts } from "./contacts.js";
import { Conversations } from "./conversations.js";
import { Deletions } from "./deletions.js";
import type { DeviceFiles } from "./device-files.js";
import { DeviceSettings } from "./device-settings.js";
import { Entries } from "./entries.js";
import { FeedPosition } from "./feed-position.js";
import { Files } from "./files.js";
import { GroupActions } from "./group-actions.js";
import { GroupAdmin } from "./group-admin.js";
import { GroupArchive } from "./group-archive.js";
import { GroupFiles } from "./group-files.js";
import { GroupInvites } from "./group-invites.js";
import { GroupService } from "./group-service.js";
import { GroupNames, type ChooseGroup } from "./group-names.js";
import { Groups } from "./groups.js";
import { HistoryActions } from "./history-actions.js";
import { Import } from "./imports.js";
import { Ledger } from "./ledger.js";
import { LedgerFiles } from "./ledger-files.js";
import { ListeningSpell } from "./listening.js";
import { logout } from "./logout.js";
import type { ChatChange, ConnectionStatus, ListenHandlers, Listening, SignedInDevice } from "./messages.js";
import { Outbox } from "./outbox.js";
import { OutboxFiles } from "./outbox-files.js";
import { Peers, type PeerName } from "./peers.js";
import { Placer } from "./placement.js";
import type { ClientPorts } from "./ports.js";
import { ReceiptBook } from "./receipt-book.js";
import { ReceiptSender } from "./receipt-sender.js";
import { Search } from "./search.js";
import { SearchFiles } from "./search-files.js";
import { Session } from "./session.js";
import { within } from "./within.js";

export interface ClientOptions {
  /** For laboratories only: take a weaker password hash than that of RFC 9106, if the service asks for one. */
  readonly acceptWeakStretching?: boolean;
  /** How long a send waits to be accepted, in milliseconds; 30,000 if missing. */
  readonly sendPatienceMs?: number;
  /** Whether authors are told that their messages have arrived here, and were read; not if missing. */
  readonly sendsReceipts?: boolean;
  /** Asks which of several groups with one title is meant; where it is missing, such a title is refused. */
  readonly chooseGroup?: ChooseGroup | undefined;
  /** Told how the connections fare while nobody listens. It must not throw. */
  readonly onStatus?: (status: ConnectionStatus) => void;
}

const DEFAULT_SEND_PATIENCE_MS = 30_000;
/** How long an answer about a group is waited for, in milliseconds. */
const GROUP_PATIENCE_MS = 15_000;
/** How long reading history waits for own messages that are not archived yet, in milliseconds. */
const RECOVER_MS = 2_000;
/** How long closing waits for authors to be told that their messages have arrived, in milliseconds. */
const RECEIPTS_MS = 2_000;

/** What a client does, wired. */
export interface Parts {
  readonly identityKey: Uint8Array;
  readonly contacts: Contacts;
  readonly outbox: Outbox;
  readonly chats: Chats;
  readonly leavesPending: boolean;
  readonly ownArchive: string | null;
  devices(): Promise<readonly SignedInDevice[]>;
  readonly ledger: Pick<Ledger, "check" | "accept">;
  readonly settings: Pick<DeviceSettings, "hidesReading" | "hideReading">;
  readonly history: HistoryActions;
  readonly groupActions: GroupActions;
  readonly groupInvites: GroupInvites;
  readonly peers: Peers;
  draft(name: PeerName): Promise<string>;
  changeChat(name: PeerName, change: ChatChange): Promise<void>;
  import(account: AccountId): Import;
  readonly files: Files;
  listen(handlers: ListenHandlers): Listening;
  logout(discard: boolean): Promise<void>;
  close(): Promise<void>;
}

export async function assemble(
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
  const placer = new Placer(balancer);
  const entries = new Entries(keys.archive);
  const settings = new DeviceSettings(files, record);
  let spell: ListeningSpell | null = null;
  let outage: ErrorRecord | null = null;
  let closed = false;

  const outageError = (): FastChatError | null =>
    outage === null ? null : new FastChatError(outage.code, outage.message);
  const onStatus = (status: ConnectionStatus): void => {
    if (status.kind === "offline") outage = status.error;
    else if (status.kind === "connected") outage = null;
    if (spell === null) options.onStatus?.(status);
    else spell.onStatus(status);
  };
  const { archive, fileArchive } = accountArchives(
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
  const sentFiles = new Files({ archive: fileArchive, balancer });
  const contacts = new Contacts({
    me: card,
    balancer,
    archive,
    entries,
    files,
    clock,
    onKeyChanged: (name) => onStatus({ kind: "keyChanged", name }),
  });
  const groupService: GroupService = new GroupService({
    session: {
      need: () => session.need(),
      say: (message) => session.say(message),
      get welcome() {
        return session.welcome;
      },
      get error() {
        return session.error;
      },
    },
    clock,
    patienceMs: GROUP_PATIENCE_MS,
    outage: () => outageError(),
  });
  const groups = new Groups({
    me,
    service: groupService,
    archive: new GroupArchive({ archive, entries, clock }),
    files: new GroupFiles(files, entries),
    onAlarm: (alarm) => onStatus({ kind: "groupAltered", alarm }),
  });
  const conversations = new Conversations({ keys, device, contacts, groups, entries, clock, random });
  const groupNames: GroupNames = new GroupNames({
    me,
    groups,
    describe: (id) => groupActions.summary(id),
    choose: options.chooseGroup,
  });
  const peers = new Peers(contacts, groups, groupNames, conversations, async (conversation) => {
    const chat = await entries.chat(conversation);
    return (await archive.read({ type: "before", chat, limit: 1 })).entries.length > 0;
  });
  const groupAdmin = new GroupAdmin({ keys, groups, clock, random });
  const ledger = new Ledger({
    account: me,
    secrets: keys.archive,
    archive,
    service: balancer,
    files: new LedgerFiles(files, keys.archive.id),
    onAlarm: (alarm) => onStatus({ kind: "archiveAltered", alarm }),
  });
  const deletions = new Deletions({ archive, entries, clock });
  const receipts = new ReceiptBook({ me, archive, entries, files, groups, clock });
  const lines = { me, archive, entries, contacts, conversations, deletions, groups, ledger, receipts };
  const historyAfter = (): number => settings.historyAfter;
  const chats = new Chats({ ...lines, historyAfter });
  const search = new Search({
    ...lines,
    files: new SearchFiles(files, keys.archive.id),
    historyAfter,
  });
  const failSpell = (error: unknown): void => spell?.fail(error as Error);
  const session = new Session(ports, () => placer.server(), {
    onOpened: (welcome) => {
      outbox.onOpened(welcome);
      groupService.onOpened();
      if (spell !== null) archive.prove();
    },
    onDown: () => {
      outbox.onDown();
      groupService.onDown();
    },
    onLive: () => {
      if (spell !== null) {
        spell.onLive(groups.catchUpAll().catch(failSpell));
        groupActions.tellTitlesLeft().catch(failSpell);
      }
    },
    onAccepted: (accepted) => outbox.onAccepted(accepted),
    onDeliver: (delivery) => spell?.onDeliver(delivery),
    onDrain: () => outbox.onDrain(),
    onGroupChanged: (group, epoch) => {
      // Whoever does not listen asks when they write.
      if (spell !== null) groups.hear(group, epoch).catch(failSpell);
    },
    onGroupReply: (reply) => groupService.onReply(reply),
    onClosed: (error) => {
      outbox.onClosed(error);
      groupService.onClosed(error);
      spell?.onClosed(error);
    },
    onStatus,
    isNeeded: () => outbox.isBusy || groupService.isBusy,
  });
  const outboxFiles = new OutboxFiles(files, me, device);
  const outbox: Outbox = new Outbox(
    {
      me: { account: me, device },
      files: outboxFiles,
      contacts,
      peers,
      groups,
      conversations,
      archive,
      clock,
      patienceMs: options.sendPatienceMs ?? DEFAULT_SEND_PATIENCE_MS,
      outage: () => outageError(),
    },
    session,
  );

  const receiptSender = new ReceiptSender({
    me,
    archive,
    entries,
    contacts,
    groups,
    outbox,
    clock,
    random,
    tells: () => (options.sendsReceipts !== true ? "nothing" : settings.hidesReading ? "arrival" : "reading"),
  });
  const groupActions = new GroupActions({
    me,
    groups,
    groupNames,
    admin: groupAdmin,
    contacts,
    outbox,
    random,
  });
  const groupInvites = new GroupInvites({
    me,
    keys,
    groups,
    groupNames,
    admin: groupAdmin,
    actions: groupActions,
    contacts,
    outbox,
    clock,
    random,
  });

  const recover = async (): Promise<void> => {
    const recovering = outbox.recover().catch(() => undefined);
    await within(clock, RECOVER_MS, recovering);
  };
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await spell?.stop();
    await within(clock, RECEIPTS_MS, receiptSender.flush());
    await outbox.close();
    session.stop();
    archive.close();
    fileArchive.close();
  };

  return {
    identityKey: keys.identity.publicKey,
    contacts,
    outbox,
    chats,
    ledger,
    leavesPending: record.leavesPending ?? false,
    ownArchive: keys.archive.address ?? null,
    async devices() {
      const listed = await balancer.devices();
      return listed.map((one) => ({ ...one, isThis: one.device === device }));
    },
    groupActions,
    groupInvites,
    peers,
    settings,
    history: new HistoryActions({ ...lines, peers, search, settings, clock, recover }),
    async draft(name) {
      return chats.draft((await peers.place(name)).conversation);
    },
    async changeChat(name, change) {
      const { conversation } = await peers.place(name);
      let readBefore = 0;
      await chats.change(conversation, (note) => {
        readBefore = note.read;
        return changedNote(note, change);
      });
      const { read = 0 } = change;
      if (read > readBefore) await receiptSender.readUpTo(conversation, readBefore, read);
    },
    files: sentFiles,
    import: (account) => new Import({ me, archive, contacts, entries, clock }, account),
    listen(handlers) {
      if (closed || session.error !== null) {
        throw session.error === null
          ? new FastChatError("unavailable", "The client was closed.")
          : new FastChatError(session.error.code, session.error.message);
      }
      if (spell !== null) throw new FastChatError("conflict", "This client listens already.");
      const position = new FeedPosition(files, device);
      const wiring = {
        ...lines,
        device,
        chats,
        clock,
        random,
        position,
        invites: groupInvites,
        receiptSender,
      };
      const watch = handlers.watchesArchive === true ? watchArchive(ledger, clock) : null;
      const started = new ListeningSpell(wiring, session, handlers, () => {
        watch?.stop();
        spell = null;
      });
      spell = started;
      archive.open();
      started.start();
      return started;
    },
    async logout(discard) {
      if (!discard) await recover();
      await close();
      await logout(files, outboxFiles, balancer, discard);
    },
    close,
  };
}
