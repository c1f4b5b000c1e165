/**
 * What a run writes down for the history checker, whatever it ran on: real processes or simulated time. Names of
 * accounts, devices, conversations and messages are whatever the run calls them, as long as each has one of its own.
 *
 * A message is named by its run, not by the service: so a message that was never accepted has a name too.
 */

/** Milliseconds on one clock that nobody sets, the same for the whole history. */
export type At = number;

/** A message was handed to the client. Of one device and conversation, these stand in the order of sending. */
export interface SentEvent {
  readonly type: "sent";
  readonly at: At;
  readonly device: string;
  /** The sender's account. */
  readonly account: string;
  readonly conversation: string;
  readonly message: string;
  /** Accounts; `null` for a message to a group: whoever is in it, by the history's membership events. */
  readonly recipients: readonly string[] | null;
  /** Of the text, made in any way that tells two texts apart. */
  readonly digest: string;
}

/** The client said that the service has accepted it. */
export interface AcceptedEvent {
  readonly type: "accepted";
  readonly at: At;
  readonly message: string;
  /** Recipients whom the answer finally refused; all others count as settled. */
  readonly refused: readonly string[];
}

/** The client said that the message is finally refused: nothing of it is kept. */
export interface RefusedEvent {
  readonly type: "refused";
  readonly at: At;
  readonly message: string;
  readonly code: string;
}

/** A device of `account` was handed the message. After its next start it may be handed it again. */
export interface ReceivedEvent {
  readonly type: "received";
  readonly at: At;
  readonly account: string;
  readonly device: string;
  /** How often the device had been started before. */
  readonly start: number;
  readonly sender: string;
  readonly message: string;
  readonly digest: string;
}

/** A device was told of a message that another device of its account has sent. After its next start it may be told again. */
export interface MirroredEvent {
  readonly type: "mirrored";
  readonly at: At;
  readonly account: string;
  readonly device: string;
  readonly start: number;
  readonly message: string;
  readonly digest: string;
}

/** Somebody becomes, or ceases to be, a member of a group. For one account and group, these stand in the order in which they held. */
export interface MembershipEvent {
  readonly type: "membership";
  /** When it was asked for; it cannot hold before. */
  readonly at: At;
  /** When that was answered: it holds from then on. `null` where no answer came: it may hold or not. */
  readonly until: At | null;
  /** The group's. */
  readonly conversation: string;
  readonly account: string;
  readonly member: boolean;
}

/** Something was broken on purpose, for the report only. */
export interface FaultEvent {
  readonly type: "fault";
  readonly at: At;
  /** When everything answered again; `null` where that is not known. */
  readonly until: At | null;
  readonly kind: string;
  readonly target: string;
}

export type HistoryEvent =
  SentEvent | AcceptedEvent | RefusedEvent | ReceivedEvent | MirroredEvent | MembershipEvent | FaultEvent;

export interface ArchivedMessage {
  readonly message: string;
  readonly sender: string;
  readonly conversation: string;
  readonly digest: string;
}

/** One account's archive as it was read back at the end, oldest first. */
export interface ArchiveRecord {
  readonly account: string;
  /** Whose view of it this is, where it is that of a device which took part; `null`: one that was never there before. */
  readonly device: string | null;
  readonly entries: readonly ArchivedMessage[];
}
