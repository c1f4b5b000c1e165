/** What the client tells the person who uses it. */
import type { ErrorRecord } from "../../protocol/errors.js";
import type { AccountId, ConversationId, MessageId, ServerId, UserName } from "../../protocol/ids.js";

/** A message that the service has accepted. */
export interface SentMessage {
  readonly id: MessageId;
  readonly to: UserName;
  /** When it was written, by this device's clock, in milliseconds since 1970. */
  readonly at: number;
  /** Whether the service keeps it for the recipient, or a device of the recipient has it already. */
  readonly outcome: "stored" | "acknowledged";
}

/** A message that somebody sent to this account. It was judged genuine. */
export interface ReceivedMessage {
  readonly id: MessageId;
  readonly from: UserName;
  readonly fromAccount: AccountId;
  readonly conversation: ConversationId;
  readonly text: string;
  /** When it was written, by the sender's clock, in milliseconds since 1970. */
  readonly at: number;
  /** The sending device's running number in this conversation; a gap shows that something is missing. */
  readonly number: number;
}

/** One entry of the personal archive, oldest first within a page. */
export interface HistoryEntry {
  /** `null` where the archive's entry is damaged and does not tell. */
  readonly id: MessageId | null;
  /** A user name; the claimed sender's account id where no name is known, and empty where nothing is. */
  readonly from: string;
  readonly to: string;
  /** Empty for what is not genuine, and for what cannot be judged yet. */
  readonly text: string;
  /** By the sender's clock, in milliseconds since 1970; 0 where it is not known. */
  readonly at: number;
  /**
   * `invalid`: forged, malformed or damaged. `waiting`: it cannot be judged yet, because the sender's card cannot be
   * had or its key is not the one pinned.
   */
  readonly direction: "sent" | "received" | "invalid" | "waiting";
  /** Its place in the archive, which is the order of history. */
  readonly counter: number;
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
  /** An alarm: the service shows another identity under this name than the one pinned. */
  | { readonly kind: "keyChanged"; readonly name: UserName };

export interface ListenHandlers {
  /**
   * Told of every message before it is archived and acknowledged; at least once, by id. If it throws, listening ends
   * with that error and the message stays with the service.
   */
  onMessage(message: ReceivedMessage): void | Promise<void>;
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

export interface HistoryQuery {
  /** A user name; the whole archive if missing. */
  readonly with?: string;
  /** The most entries to return, 1 to 500; 50 if missing. */
  readonly limit?: number;
  /** Only entries with a counter below this one. */
  readonly before?: number;
}
