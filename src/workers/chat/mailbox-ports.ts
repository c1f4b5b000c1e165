/** What a mailbox needs of its server, and the names that both use for who takes part. */
import type { AccountId, ServerId, SessionNumber } from "../../protocol/ids.js";
import type { LinkMessage } from "../../protocol/link.js";
import type { BodyId, StoredDelivery } from "../../store/deliveries.js";
import type { DeliveryWriter } from "./delivery-writer.js";
import type { KeptFrame } from "./kept-frame.js";
import type { Mailbox } from "./mailbox.js";

/** A session, and the server it is connected to. */
export interface Attachment {
  readonly server: ServerId;
  readonly session: SessionNumber;
}

/** Who asked for a message to be settled, under which number of theirs, and for which of their sessions. */
export interface Origin extends Attachment {
  readonly dispatch: number;
}

/** The body of a message: stored once, under one id, however many recipients it has. */
export interface SharedBody {
  /** `null` until it is first written, as most messages never are; the sender's server names those of several recipients. */
  id: BodyId | null;
  /** The envelope, of which the recipients' own frames are kept without it; empty for a sole recipient, whose frame is whole. */
  readonly envelope: KeptFrame;
  /** How many recipients here share it. */
  readonly among: number;
}

/** Gathers what several mailboxes deliver of one message. */
export interface FanOut {
  /** @param entry the recipient's own, of a frame */
  add(attachment: Attachment, entry: Uint8Array): void;
}

export interface MailboxPorts {
  send(to: ServerId, message: LinkMessage): void;
  /** Whether deliveries to that server should wait. */
  full(to: ServerId): boolean;
  now(): number;
  newBodyId(): BodyId;
  readonly writer: DeliveryWriter;
  /** Reads rows, or `null` where the database failed; then the mailbox asks again after a while. */
  read(
    recipient: AccountId,
    position: number,
    limit: number,
    maxBytes: number,
  ): Promise<StoredDelivery[] | null>;
  /** How many rows wait for an account, or `null` where the database failed or there is no such account. */
  count(recipient: AccountId): Promise<number | null>;
  /** The mailbox has changed in a way that its registry may want to forget or watch it for. */
  changed(mailbox: Mailbox): void;
  /** What the unsettled messages of all mailboxes here take (`keptBytes` of each). */
  readonly kept: { bytes: number };
  readonly limits: {
    /** What `kept` may come to before mailboxes refuse messages, but for those whose sessions take them at once. */
    readonly unsettledBytes: number;
    readonly catchUpWindow: number;
    readonly socketBufferBytes: number;
    readonly heldPerMailbox: number;
    readonly heldBytesPerMailbox: number;
    readonly pendingPerAccount: number;
    /** How long a count of the rows is taken for right, in milliseconds. */
    readonly recountMs: number;
  };
}
