/**
 * What chat servers say to each other. A link gathers the messages of one tick into one buffer; this file is its
 * layout: for each message a u32 length, a u8 type and the fields below, in network order.
 *
 * Both ends are threads of one system: lengths are trusted, and a view on the received buffer is handed out.
 */
import { toHex, writeHex } from "./bytes.js";
import {
  readConversationId,
  readId16,
  type AccountId,
  type BodyId,
  type ConversationId,
  type MessageId,
  type SessionNumber,
} from "./ids.js";
import { HOT_HEADER_BYTES, type Outcome } from "./hot.js";

/** The sender's server asks a home to settle every recipient that the `send` frame names. */
export interface Forward {
  readonly type: "forward";
  /** The sender's server's own number for this message; `settled` names it. */
  readonly dispatch: number;
  /** The view by which the sender's server chose this home. */
  readonly view: number;
  /** The sender's session. */
  readonly session: SessionNumber;
  /** A `send` frame without length field. */
  readonly frame: Uint8Array;
}
/** As `forward`, for a message that has more recipients, there or elsewhere. */
export interface ForwardMany extends Omit<Forward, "type"> {
  readonly type: "forwardMany";
  /** Under which all homes store its body. */
  readonly body: BodyId;
}
/** A home to the sender's server: one recipient is settled. */
export interface Settled {
  readonly type: "settled";
  readonly dispatch: number;
  readonly recipient: AccountId;
  readonly outcome: Outcome;
}
/** A home to a session's server: a `deliver` frame for the session, without length field. */
export interface Deliver {
  readonly type: "deliver";
  readonly session: SessionNumber;
  readonly frame: Uint8Array;
}
/**
 * A home to a server with several sessions that get one message: what all of their `deliver` frames share, and what each has of
 * its own.
 */
export interface DeliverMany {
  readonly type: "deliverMany";
  readonly to: readonly {
    readonly session: SessionNumber;
    /** The recipient's entry of the frame. */
    readonly entry: Uint8Array;
  }[];
  /** Header of a `deliver` frame. */
  readonly header: Uint8Array;
  readonly envelope: Uint8Array;
}
/** A session's server to the home: the account has the message in its archive. */
export interface Ack {
  readonly type: "ack";
  readonly recipient: AccountId;
  readonly sender: AccountId;
  readonly message: MessageId;
}
/** A session's server to the home: deliver the account's messages to this session. */
export interface AttachSession {
  readonly type: "attach";
  readonly account: AccountId;
  readonly session: SessionNumber;
  readonly view: number;
}
/** A session's server to the home: the session is gone, or does not read; deliver nothing more to it. */
export interface DetachSession {
  readonly type: "detach";
  readonly account: AccountId;
  readonly session: SessionNumber;
}
/** A sender's server to a home that refused messages of that session: it has ended, behind all that it sent. */
export interface SenderEnded {
  readonly type: "ended";
  readonly account: AccountId;
  readonly session: SessionNumber;
}
/** A home to a session's server: all that waited has been delivered. */
export interface SessionLive {
  readonly type: "live";
  readonly session: SessionNumber;
}

/** To every other server: a group has come to an epoch. Answered with `groupNoted`. */
export interface GroupChanged {
  readonly type: "groupChanged";
  /** Number by which the answer names it. */
  readonly ref: number;
  readonly epoch: number;
  readonly group: ConversationId;
  /** Whose sessions are told. */
  readonly accounts: readonly AccountId[];
}
/** This server takes no message of an earlier epoch any more. */
export interface GroupNoted {
  readonly type: "groupNoted";
  readonly ref: number;
}

export type LinkMessage =
  | Forward
  | ForwardMany
  | Settled
  | Deliver
  | DeliverMany
  | Ack
  | AttachSession
  | DetachSession
  | SenderEnded
  | SessionLive
  | GroupChanged
  | GroupNoted;

const TYPES = [
  "forward",
  "settled",
  "deliver",
  "ack",
  "attach",
  "detach",
  "live",
  "ended",
  "forwardMany",
  "deliverMany",
  "groupChanged",
  "groupNoted",
] as const satisfies readonly LinkMessage["type"][];

const PREFIX_BYTES = 5;

/** Bytes that {@link writeLinkMessage} will need. */
export function linkMessageBytes(message: LinkMessage): number {
  switch (message.type) {
    case "forward":
      return PREFIX_BYTES + 12 + message.frame.length;
    case "forwardMany":
      return PREFIX_BYTES + 28 + message.frame.length;
    case "settled":
      return PREFIX_BYTES + 4 + 16 + 1;
    case "deliver":
      return PREFIX_BYTES + 4 + message.frame.length;
    case "ack":
      return PREFIX_BYTES + 48;
    case "attach":
      return PREFIX_BYTES + 16 + 8;
    case "detach":
    case "ended":
      return PREFIX_BYTES + 16 + 4;
    case "live":
    case "groupNoted":
      return PREFIX_BYTES + 4;
    case "deliverMany": {
      const { to, header, envelope } = message;
      const entries = to.reduce((sum, { entry }) => sum + 6 + entry.length, 0);
      return PREFIX_BYTES + 4 + header.length + entries + envelope.length;
    }
    case "groupChanged":
      return PREFIX_BYTES + 8 + 32 + 16 * message.accounts.length;
  }
}

/** Writes a message at `offset`, where {@link linkMessageBytes} bytes are free; returns the offset behind it. */
export function writeLinkMessage(target: Uint8Array, offset: number, message: LinkMessage): number {
  const end = offset + linkMessageBytes(message);
  writeU32(target, offset, end - offset - 4);
  target[offset + 4] = TYPES.indexOf(message.type);
  const body = offset + PREFIX_BYTES;
  switch (message.type) {
    case "forward":
      writeForward(target, body, message);
      target.set(message.frame, body + 12);
      break;
    case "forwardMany":
      writeForward(target, body, message);
      writeHex(target, body + 12, message.body);
      target.set(message.frame, body + 28);
      break;
    case "settled":
      writeU32(target, body, message.dispatch);
      writeHex(target, body + 4, message.recipient);
      target[body + 20] = message.outcome;
      break;
    case "deliver":
      writeU32(target, body, message.session);
      target.set(message.frame, body + 4);
      break;
    case "ack":
      writeHex(target, body, message.recipient);
      writeHex(target, body + 16, message.sender);
      writeHex(target, body + 32, message.message);
      break;
    case "attach":
      writeHex(target, body, message.account);
      writeU32(target, body + 16, message.session);
      writeU32(target, body + 20, message.view);
      break;
    case "detach":
    case "ended":
      writeHex(target, body, message.account);
      writeU32(target, body + 16, message.session);
      break;
    case "live":
      writeU32(target, body, message.session);
      break;
    case "deliverMany":
      writeDeliverMany(target, body, message);
      break;
    case "groupChanged":
      writeU32(target, body, message.ref);
      writeU32(target, body + 4, message.epoch);
      writeHex(target, body + 8, message.group);
      message.accounts.forEach((account, index) => writeHex(target, body + 40 + 16 * index, account));
      break;
    case "groupNoted":
      writeU32(target, body, message.ref);
      break;
  }
  return end;
}

/** Reads every message of a buffer that {@link writeLinkMessage} filled to its end. */
export function readLinkMessages(buffer: Uint8Array, onMessage: (message: LinkMessage) => void): void {
  let offset = 0;
  while (offset < buffer.length) {
    const end = offset + 4 + readU32(buffer, offset);
    onMessage(readLinkMessage(buffer, offset + 4, end));
    offset = end;
  }
}

function readLinkMessage(buffer: Uint8Array, start: number, end: number): LinkMessage {
  const type = TYPES[buffer[start] as number];
  const body = start + 1;
  switch (type) {
    case "forward":
      return {
        type,
        dispatch: readU32(buffer, body),
        view: readU32(buffer, body + 4),
        session: readU32(buffer, body + 8),
        frame: buffer.subarray(body + 12, end),
      };
    case "forwardMany":
      return {
        type,
        dispatch: readU32(buffer, body),
        view: readU32(buffer, body + 4),
        session: readU32(buffer, body + 8),
        body: readId16(buffer, body + 12),
        frame: buffer.subarray(body + 28, end),
      };
    case "settled":
      return {
        type,
        dispatch: readU32(buffer, body),
        recipient: readId16(buffer, body + 4),
        outcome: buffer[body + 20] as Outcome,
      };
    case "deliver":
      return { type, session: readU32(buffer, body), frame: buffer.subarray(body + 4, end) };
    case "ack":
      return {
        type,
        recipient: readId16(buffer, body),
        sender: readId16(buffer, body + 16),
        message: readId16(buffer, body + 32),
      };
    case "attach":
      return {
        type,
        account: readId16(buffer, body),
        session: readU32(buffer, body + 16),
        view: readU32(buffer, body + 20),
      };
    case "detach":
    case "ended":
      return { type, account: readId16(buffer, body), session: readU32(buffer, body + 16) };
    case "live":
      return { type, session: readU32(buffer, body) };
    case "deliverMany":
      return readDeliverMany(buffer, body, end);
    case "groupChanged": {
      const accounts: AccountId[] = [];
      for (let at = body + 40; at < end; at += 16) accounts.push(readId16(buffer, at));
      const group = readConversationId(buffer, body + 8);
      return { type, ref: readU32(buffer, body), epoch: readU32(buffer, body + 4), group, accounts };
    }
    case "groupNoted":
      return { type, ref: readU32(buffer, body) };
    default:
      throw new RangeError(`link message of unknown type ${toHex(buffer, start, start + 1)}`);
  }
}

/** What both kinds of forward begin with. They are read field by field: it is the way of every message. */
function writeForward(target: Uint8Array, body: number, message: Forward | ForwardMany): void {
  const { dispatch, view, session } = message;
  writeU32(target, body, dispatch);
  writeU32(target, body + 4, view);
  writeU32(target, body + 8, session);
}

/** u32 how many, the header, for each u32 session, u16 length and entry, then the envelope. */
function writeDeliverMany(target: Uint8Array, body: number, { to, header, envelope }: DeliverMany): void {
  writeU32(target, body, to.length);
  target.set(header, body + 4);
  let offset = body + 4 + header.length;
  for (const { session, entry } of to) {
    writeU32(target, offset, session);
    target[offset + 4] = entry.length >>> 8;
    target[offset + 5] = entry.length;
    target.set(entry, offset + 6);
    offset += 6 + entry.length;
  }
  target.set(envelope, offset);
}

function readDeliverMany(buffer: Uint8Array, body: number, end: number): DeliverMany {
  let offset = body + 4 + HOT_HEADER_BYTES;
  const to = Array.from({ length: readU32(buffer, body) }, () => {
    const session = readU32(buffer, offset);
    const start = offset + 6;
    offset = start + (((buffer[offset + 4] as number) << 8) | (buffer[offset + 5] as number));
    return { session, entry: buffer.subarray(start, offset) };
  });
  const header = buffer.subarray(body + 4, body + 4 + HOT_HEADER_BYTES);
  return { type: "deliverMany", to, header, envelope: buffer.subarray(offset, end) };
}

function writeU32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

function readU32(bytes: Uint8Array, offset: number): number {
  return (
    (((bytes[offset] as number) << 24) |
      ((bytes[offset + 1] as number) << 16) |
      ((bytes[offset + 2] as number) << 8) |
      (bytes[offset + 3] as number)) >>>
    0
  );
}
