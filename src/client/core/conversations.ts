/** Messages from and to their encrypted form: what this account sends, and how what it gets is judged. */
import { v7 } from "uuid";
import type { AccountKeys } from "../../crypto/account-keys.js";
import type { VerifiedCard } from "../../crypto/card.js";
import { directConversation } from "../../crypto/conversation.js";
import { openEnvelope, sealEnvelope, type OpenedEnvelope } from "../../crypto/envelope.js";
import { NO_HEAD, readEnvelopeHeader } from "../../crypto/envelope-header.js";
import { equalBytes } from "../../protocol/bytes.js";
import { FastChatError, type ErrorCode } from "../../protocol/errors.js";
import { Kind, encodeSend } from "../../protocol/hot.js";
import { readId16, type ConversationId, type DeviceId, type MessageId } from "../../protocol/ids.js";
import { encodePayload, type Payload } from "../../protocol/payload.js";
import type { Clock, Random } from "../../protocol/runtime.js";
import type { NewEntry } from "./archive.js";
import type { Contacts } from "./contacts.js";
import type { Delivered, Entries } from "./entries.js";

/** A message ready to leave, and the entry that the archive gets once it is accepted. */
export interface SealedMessage {
  readonly message: MessageId;
  readonly frame: Uint8Array;
  readonly entry: NewEntry;
}

export type Judgement =
  | ({ readonly kind: "genuine"; readonly sender: VerifiedCard } & OpenedEnvelope)
  | { readonly kind: "invalid" }
  /** `soon`: what is missing may turn up at any moment. */
  | { readonly kind: "unjudged"; readonly soon: boolean };

export interface ConversationsContext {
  readonly keys: AccountKeys;
  readonly device: DeviceId;
  readonly contacts: Pick<Contacts, "byAccount" | "known">;
  readonly entries: Entries;
  readonly clock: Clock;
  readonly random: Random;
}

/** Where the suite stands in an envelope: behind the length of its header. */
const SUITE_AT = 2;
const KNOWN_SUITE = 1;
/** Failures to get a card that say something lasting about it; all others may pass. */
const LASTING: ReadonlySet<ErrorCode> = new Set(["keyChanged", "noSuchAccount", "undecryptable"]);

export class Conversations {
  readonly #context: ConversationsContext;

  constructor(context: ConversationsContext) {
    this.#context = context;
  }

  with(contact: VerifiedCard): Promise<ConversationId> {
    return directConversation(this.#context.keys.identity.account, contact.account);
  }

  /**
   * Encrypts a message to one person.
   *
   * @param number this device's running number in the conversation, from 1
   * @param sentAt milliseconds since 1970
   * @throws FastChatError `tooLarge`, `badRequest` for a payload that may not be sent
   */
  async seal(to: VerifiedCard, payload: Payload, number: number, sentAt: number): Promise<SealedMessage> {
    const { keys, device, entries, clock, random } = this.#context;
    const id = v7({ random: random.bytes(16), msecs: clock.now() }, new Uint8Array(16));
    const message = readId16<MessageId>(id);
    const conversation = await this.with(to);
    const { envelope, keys: wrapped } = await sealEnvelope({
      message,
      conversation,
      device,
      sequence: number,
      sentAt,
      epoch: 0,
      payload,
      recipients: [to],
      identity: keys.identity,
    });
    const header = readEnvelopeHeader(envelope);
    if (header === null) throw new FastChatError("internal", "An envelope just made cannot be read.");
    const frame = encodeSend(Kind.send, {
      epoch: 0,
      message,
      account: keys.identity.account,
      conversation,
      keys: wrapped,
      envelope,
    });
    return { message, frame, entry: await entries.sent(header, encodePayload(payload), [to.account]) };
  }

  /**
   * Judges a message that was delivered. It throws only where this device fails, whatever the message is.
   *
   * @param ask whether the balancer may be asked for the sender's card
   */
  async judge(delivered: Delivered, ask = true): Promise<Judgement> {
    const { frame, wrappedKey, envelope } = delivered;
    // A later suite's: nothing can be said against it.
    if (envelope.length > SUITE_AT && envelope[SUITE_AT] !== KNOWN_SUITE) {
      return { kind: "unjudged", soon: false };
    }
    const header = readEnvelopeHeader(envelope);
    if (header === null || header.sender !== frame.account) return { kind: "invalid" };
    // A group's: whether its sender was a member at that head is not known here.
    if (!equalBytes(header.head, NO_HEAD)) return { kind: "unjudged", soon: false };
    const { keys, contacts } = this.#context;
    let sender = contacts.known(frame.account);
    if (sender === undefined && !ask) return { kind: "unjudged", soon: true };
    try {
      sender ??= await contacts.byAccount(frame.account);
    } catch (error) {
      if (!(error instanceof FastChatError)) throw error;
      return { kind: "unjudged", soon: !LASTING.has(error.code) };
    }
    try {
      const opened = await openEnvelope({
        envelope,
        wrappedKey,
        frame,
        sender,
        recipient: keys.identity.account,
        privateKeys: keys.privateKeys,
      });
      return { kind: "genuine", ...opened, sender };
    } catch (error) {
      if (error instanceof FastChatError && error.code === "undecryptable") return { kind: "invalid" };
      throw error;
    }
  }
}
