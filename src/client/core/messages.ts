/** What the client tells the person who uses it. */
import type { SignedGroupEvent } from "../../crypto/group-event.js";
import type { ErrorRecord } from "../../protocol/errors.js";
import type {
  AccountId,
  ConversationId,
  DeviceId,
  MessageId,
  ServerId,
  UserName,
} from "../../protocol/ids.js";

/** A group that this account is in, or was. */
export interface GroupRef {
  readonly id: ConversationId;
  /** As its admins call it; empty before that was told. */
  readonly title: string;
}

export interface GroupMember {
  readonly account: AccountId;
  /** A user name; the account id where no name is known. */
  readonly name: string;
  readonly admin: boolean;
}

export interface GroupSummary extends GroupRef {
  /** In the order in which they came. */
  readonly members: readonly GroupMember[];
  /** How many changes its membership has seen. */
  readonly epoch: number;
  /** Whether this account is a member now. */
  readonly isMember: boolean;
  readonly isAdmin: boolean;
}

/** What somebody did to a group's membership. */
export type GroupChangeName = SignedGroupEvent["change"]["type"];

/** A change of a group's membership. */
export interface GroupNotice {
  readonly group: GroupRef;
  readonly change: GroupChangeName;
  /** Whom it is about: user names, or account ids where no names are known. None for `leave` and `invite`. */
  readonly members: readonly string[];
  /** Who made it: a user name, or an account id where no name is known. */
  readonly by: string;
  /** As `alice added bob`. */
  readonly text: string;
  /** When it was made, by its maker's clock, in milliseconds since 1970. */
  readonly at: number;
}

/**
 * What is wrong with a group's log: the service shows this account other events than it knows, or others (`forked`); events that
 * none of its members signed (`forged`); or does not show events that there are (`hidden`).
 */
export interface GroupAlarm {
  readonly group: ConversationId;
  readonly title: string;
  readonly kind: "forked" | "forged" | "hidden";
}

/** A message that the service has accepted. */
export interface SentMessage {
  readonly id: MessageId;
  /** A user name; for a group `#` and its title. */
  readonly to: string;
  /** When it was written, by this device's clock, in milliseconds since 1970. */
  readonly at: number;
  /** Whether the service keeps it for the recipient, or a device of the recipient has it already. */
  readonly outcome: "stored" | "acknowledged";
  /** How many people it is for, and how many of these have it on a device already. */
  readonly recipients: number;
  readonly delivered: number;
  /** Whose queues are full: they do not get it. User names, or account ids. */
  readonly missed: readonly string[];
}

/** What somebody tells of a message that was sent to them: nothing yet; that they have it; or that they have read it, too. */
export type ReceiptState = "sent" | "delivered" | "read";

/** What has become of a message, as those tell whom it was sent to. */
export interface ReceiptSummary {
  readonly recipients: number;
  /** Of these, who have it, also those who have read it. */
  readonly delivered: number;
  readonly read: number;
}

/** The same for each of them. */
export interface MessageReceipts {
  readonly message: HistoryEntry;
  /** A user name each; the account id where no name is known. */
  readonly members: readonly {
    readonly account: AccountId;
    readonly name: string;
    readonly state: ReceiptState;
  }[];
}

/** A file that came with a message; whoever wants it fetches it. */
export interface SentFile {
  /** As its sender calls it: to be shown, and not to be trusted as a path. */
  readonly name: string;
  /** Its size, as its sender says. */
  readonly bytes: number;
}

/** A message that somebody sent to this account. It was judged genuine. */
export interface ReceivedMessage {
  readonly id: MessageId;
  /** A user name; the account id where another device knew the name, and this one cannot learn it now. */
  readonly from: string;
  readonly fromAccount: AccountId;
  readonly conversation: ConversationId;
  /** The group that it was sent to; `null` between two people. */
  readonly group: GroupRef | null;
  readonly text: string;
  /** When it was written, by the sender's clock, in milliseconds since 1970. */
  readonly at: number;
  /** The sending device's running number in this conversation; a gap shows that something is missing. */
  readonly number: number;
  readonly file: SentFile | null;
}

/** A message that another device of this account has sent. */
export interface SentElsewhere {
  readonly id: MessageId;
  /** A user name; the account id where no name is known; for a group `#` and its title. */
  readonly to: string;
  readonly conversation: ConversationId;
  readonly text: string;
  /** When it was written, by that device's clock, in milliseconds since 1970. */
  readonly at: number;
  /** Its place in the archive. */
  readonly counter: number;
  readonly file: SentFile | null;
}

/** One entry of the personal archive, oldest first within a page. */
export interface HistoryEntry {
  /** `null` where the archive's entry is damaged and does not tell. */
  readonly id: MessageId | null;
  /** A user name; the claimed sender's account id where no name is known, and empty where nothing is. */
  readonly from: string;
  /** Likewise; for a group `#` and its title. */
  readonly to: string;
  /** `null` for what is between two people. */
  readonly group: GroupRef | null;
  /** Whose account that is, or is claimed to be; `null` where nothing is known. */
  readonly fromAccount: AccountId | null;
  readonly toAccounts: readonly AccountId[];
  /** It comes from a file that somebody imported: no signature vouches for it. */
  readonly imported: boolean;
  /** Empty for what is not genuine, and for what cannot be judged yet. */
  readonly text: string;
  /** By the sender's clock, in milliseconds since 1970; 0 where it is not known. */
  readonly at: number;
  /**
   * `invalid`: forged, malformed or damaged. `waiting`: it cannot be judged yet, because the sender's card cannot be
   * had or its key is not the one pinned. `missing`: this device knows that an entry stood here, and the archive does not
   * show it. `changed`: a change of a group's membership, which the text tells.
   */
  readonly direction: "sent" | "received" | "changed" | "invalid" | "waiting" | "missing";
  /** Its place in the archive, which is the order of history. */
  readonly counter: number;
  readonly file: SentFile | null;
  /** What has become of a message of this account; `null` for all others, and for what was imported. */
  readonly receipts: ReceiptSummary | null;
}

/** A chat as a list of chats shows it. */
export interface ChatSummary {
  /**
   * The other person's user name; the account id where no name is known, and empty where nothing tells. For a group `#` and its
   * title.
   */
  readonly with: string;
  /** `null` for a chat between two people. */
  readonly group: GroupRef | null;
  /** Messages that were not read on any device, up to 100: that is, 100 or more. */
  readonly unread: number;
  /** `null` where it is nothing that people see. */
  readonly newest: HistoryEntry | null;
  readonly pinned: boolean;
  /** Milliseconds since 1970; 0 if it is not muted. */
  readonly mutedUntil: number;
  /** What was typed and not sent, on whichever device. */
  readonly draft: string;
  /** Counter of the newest entry that was read on any device; 0 if none was. */
  readonly read: number;
  /** Counter of the newest entry. */
  readonly counter: number;
}

export interface ChatList {
  /** The one with the newest entry first. */
  readonly chats: readonly ChatSummary[];
  /** Where the next page begins: chats before this counter; `null` where there are none. */
  readonly next: number | null;
}

/** What a person may change about a chat; what is missing stays. */
export interface ChatChange {
  readonly pinned?: boolean;
  /** Milliseconds since 1970; 0 to hear of it again. */
  readonly mutedUntil?: number;
  readonly draft?: string;
  /** Counter of an entry that was read, with all before it. It never goes back. */
  readonly read?: number;
}

/** A device that is signed in to this account. */
export interface SignedInDevice {
  readonly device: DeviceId;
  /** What it was called at its login. */
  readonly label: string;
  /** Milliseconds since 1970, by the service's clock. */
  readonly signedInAt: number;
  /** Likewise, to the minute or so. */
  readonly lastUsedAt: number;
  /** Whether it is the one that asks. */
  readonly isThis: boolean;
}

/**
 * What is wrong with the archive as a whole. `kept` says where the checkpoint lies that tells.
 *
 * - `cut`: it ends at `counter`, and this account has seen entries up to `seen`.
 * - `altered`: its entries up to `counter` are not those that were seen.
 * - `older`: a checkpoint is there that was replaced before.
 * - `forged`: a checkpoint is there that is none of this account's.
 */
export type ArchiveAlarm =
  | { readonly kind: "cut"; readonly counter: number; readonly seen: number }
  | { readonly kind: "altered"; readonly counter: number }
  | {
      readonly kind: "older";
      readonly kept: "archive" | "service";
      readonly counter: number;
      readonly seen: number;
    }
  | { readonly kind: "forged"; readonly kept: "archive" | "service" };

/** What came of comparing the archive with what this account knows of it. */
export interface ArchiveCheck {
  /** Entries up to this counter are known to be those that were seen. */
  readonly counter: number;
  readonly alarm: ArchiveAlarm | null;
}

/** How the client's connections fare, for a line of status or a log. */
export type ConnectionStatus =
  | { readonly kind: "connecting" }
  | { readonly kind: "connected"; readonly server: ServerId }
  /** Everything that waited has been delivered. */
  | { readonly kind: "live"; readonly server: ServerId }
  /** It tries again by itself, `retryMs` milliseconds from now. */
  | { readonly kind: "offline"; readonly error: ErrorRecord; readonly retryMs: number }
  /** It does not try again. */
  | { readonly kind: "closed"; readonly error: ErrorRecord | null }
  /** `error` with `online`: it is there and takes nothing, as with `quotaExceeded`; it is asked again by itself. */
  | { readonly kind: "archive"; readonly online: boolean; readonly error: ErrorRecord | null }
  /** An alarm: the archive is not what it was. */
  | { readonly kind: "archiveAltered"; readonly alarm: ArchiveAlarm }
  /** An alarm: the service does not show the same log of a group to all, or not all of it. */
  | { readonly kind: "groupAltered"; readonly alarm: GroupAlarm }
  /** An alarm: the service shows another identity under this name than the one pinned. */
  | { readonly kind: "keyChanged"; readonly name: UserName };

export interface ListenHandlers {
  /**
   * Told of every message before it is archived and acknowledged; at least once, by id. If it throws, listening ends
   * with that error and the message stays with the service.
   */
  onMessage(message: ReceivedMessage): void | Promise<void>;
  /** Told of what other devices of this account send meanwhile. If it throws, listening ends with that error. */
  readonly onSent?: ((message: SentElsewhere) => void | Promise<void>) | undefined;
  /** Whether what is handed to `onMessage` counts as read, on all devices. */
  readonly marksRead?: boolean;
  /** Told of changes of groups as this client learns of them. If it throws, listening ends with that error. */
  readonly onGroup?: ((notice: GroupNotice) => void | Promise<void>) | undefined;
  /**
   * Whether to begin with what other devices took and sent since this one last listened so, but for what was read on
   * any. It comes before what waits, unless the archive takes long.
   */
  readonly catchesUp?: boolean;
  /** Whether the archive is compared with what this account knows of it, now and then. */
  readonly watchesArchive?: boolean;
  /** Everything that waited has been handed to `onMessage`. Called again after each reconnection. */
  onLive?(): void;
  onStatus?(status: ConnectionStatus): void;
}

export interface Listening {
  /**
   * Stops; what was shown is archived and acknowledged first if the archive answers in time. `onMessage` may call this, but
   * gains nothing by waiting for it: a message counts as shown once its call has ended.
   */
  stop(): Promise<void>;
  /** Settles when listening ended; rejects if it could not go on. */
  readonly done: Promise<void>;
}

export interface ChatQuery {
  /** The most chats to return, 1 to 500; 50 if missing. */
  readonly limit?: number;
  /** Only chats whose newest entry has a counter below this one. */
  readonly before?: number;
}

export interface HistoryQuery {
  /** A user name, or a group's `#` and title; the whole archive if missing. */
  readonly with?: string;
  /** The most entries to return, 1 to 500; 50 if missing. */
  readonly limit?: number;
  /** Only entries with a counter below this one. */
  readonly before?: number;
}
