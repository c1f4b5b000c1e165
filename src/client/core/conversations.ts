/** Messages from and to their encrypted form: what this account sends, and how what it gets is judged. */
import { v7 } from "uuid";
import type { AccountKeys } from "../../crypto/account-keys.js";
import type { VerifiedCard } from "../../crypto/card.js";
import { directConversation } from "../../crypto/conversation.js";
import { openEnvelope, sealEnvelope, type OpenedEnvelope } from "../../crypto/envelope.js";
import { NO_HEAD, readEnvelopeHeader, type EnvelopeHeader } from "../../crypto/envelope-header.js";
import { equalBytes } from "../../protocol/bytes.js";
import { FastChatError, type ErrorCode } from "../../protocol/errors.js";
import { Kind, encodeSend } from "../../protocol/hot.js";
import { readId16, type ConversationId, type DeviceId, type MessageId } from "../../protocol/ids.js";
import { anew, encodePayload, isAnew, type Payload } from "../../protocol/payload.js";
import type { Clock, Random } from "../../protocol/runtime.js";
import type { NewEntry } from "./archive.js";
import type { Contacts } from "./contacts.js";
import type { Delivered, Entries } from "./entries.js";
import type { Groups } from "./groups.js";
import type { GroupRef } from "./messages.js";
import { shownGroup, type Peer } from "./peers.js";
import { RecentMap } from "./recent-map.js";

/** A message ready to leave, and the entry that the archive gets once it is accepted; `null` for a receipt, which is not kept. */
export interface SealedMessage {
  readonly message: MessageId;
  readonly conversation: ConversationId;
  readonly frame: Uint8Array;
  readonly entry: NewEntry | null;
}

export type Judgement =
  | (OpenedEnvelope & {
      readonly kind: "genuine";
      readonly sender: VerifiedCard;
      /** `null` between two people; `byAdmin`: whether its sender was one of the group's then. */
      readonly group: (GroupRef & { readonly byAdmin: boolean }) | null;
      /** To a group: whether it may have come before, sealed otherwise. */
      readonly mayRepeat: boolean;
    })
  | { readonly kind: "invalid" }
  /** `soon`: what is missing may turn up at any moment. */
  | { readonly kind: "unjudged"; readonly soon: boolean };

export interface ConversationsContext {
  readonly keys: AccountKeys;
  readonly device: DeviceId;
  readonly contacts: Pick<Contacts, "byAccount" | "cardsOf" | "known">;
  readonly groups: Pick<Groups, "accuse" | "find" | "standing" | "titleOf">;
  readonly entries: Entries;
  readonly clock: Clock;
  readonly random: Random;
}

/** Where the suite stands in an envelope: behind the length of its header. */
const SUITE_AT = 2;
const KNOWN_SUITE = 1;
/** Failures to get a card that say something lasting about it; all others may pass. */
const LASTING: ReadonlySet<ErrorCode> = new Set(["keyChanged", "noSuchAccount", "undecryptable"]);

/** Devices of which is remembered how far into groups they have come. */
const REMEMBERED = 4_096;

/** What a message is sealed for: who gets it, and what its header says of the group. */
interface Audience {
  readonly conversation: ConversationId;
  readonly recipients: readonly VerifiedCard[];
  readonly epoch: number;
  readonly head?: Uint8Array;
}

export class Conversations {
  readonly #context: ConversationsContext;
  /** Number and epoch of the newest message of a device in a group. */
  readonly #newest = new RecentMap<string, { readonly sequence: number; readonly epoch: number }>(REMEMBERED);

  constructor(context: ConversationsContext) {
    this.#context = context;
  }

  with(contact: VerifiedCard): Promise<ConversationId> {
    return directConversation(this.#context.keys.identity.account, contact.account);
  }

  /** The conversation that a message to a peer belongs to. */
  async of(peer: Peer): Promise<ConversationId> {
    return peer.kind === "group" ? peer.group : this.with(peer.card);
  }

  /**
   * Encrypts a message to one person, or to the members of a group as they are known to be.
   *
   * @param number this device's running number in the conversation, from 1
   * @param sentAt milliseconds since 1970
   * @throws FastChatError `tooLarge`, `badRequest` for a payload that may not be sent; `forbidden` where this account is no member;
   *   what keeps the members' cards from being had
   */
  async seal(to: Peer, payload: Payload, number: number, sentAt: number): Promise<SealedMessage> {
    const { clock, random } = this.#context;
    const id = v7({ random: random.bytes(16), msecs: clock.now() }, new Uint8Array(16));
    return this.#seal(await this.#audience(to), readId16<MessageId>(id), payload, number, sentAt);
  }

  /**
   * The same message, for those who are members of its group by now.
   *
   * @param entry of the archive, as {@link seal} made it
   * @param left whether somebody may have it as it was sealed before: then it says that it was
   * @throws FastChatError as {@link seal}
   */
  async sealAgain(
    { conversation, entry }: Pick<SealedMessage, "conversation" | "entry">,
    left: boolean,
  ): Promise<SealedMessage> {
    const content = entry === null ? null : await this.#context.entries.open({ ...entry, counter: 0 });
    if (content?.type !== "sent") throw new FastChatError("internal", "What was sent is no message.");
    const { message, sequence, sentAt } = content.header;
    const audience = await this.#members(conversation);
    const payload = left ? anew(content.payload) : content.payload;
    return this.#seal(audience, message, payload, sequence, sentAt);
  }

  async #audience(to: Peer): Promise<Audience> {
    if (to.kind === "group") return this.#members(to.group);
    return { conversation: await this.with(to.card), recipients: [to.card], epoch: 0 };
  }

  async #members(id: ConversationId): Promise<Audience> {
    const { keys, contacts, groups } = this.#context;
    const found = await groups.find(id);
    if (found === null) throw new FastChatError("noSuchGroup", "The group is not known here.");
    const { group, title } = found;
    const me = keys.identity.account;
    const shown = shownGroup(id, title);
    if (!group.members.has(me)) throw new FastChatError("forbidden", `You are not in ${shown} any more.`);
    const others = [...group.members.keys()].filter((member) => member !== me);
    if (others.length === 0) throw new FastChatError("badRequest", `Nobody else is in ${shown}.`);
    const recipients = await contacts.cardsOf(others);
    return { conversation: id, recipients, epoch: group.epoch, head: group.head };
  }

  async #seal(
    { conversation, recipients, epoch, head }: Audience,
    message: MessageId,
    payload: Payload,
    sequence: number,
    sentAt: number,
  ): Promise<SealedMessage> {
    const { keys, device, entries } = this.#context;
    const { identity } = keys;
    const of = { message, conversation, epoch };
    const sealed = await sealEnvelope({
      ...of,
      ...(head === undefined ? {} : { head }),
      device,
      sequence,
      sentAt,
      payload,
      recipients,
      identity,
    });
    const { header, envelope, keys: wrapped } = sealed;
    const frame = encodeSend(Kind.send, { ...of, account: identity.account, keys: wrapped, envelope });
    // A group's are its members at that epoch: a list of a thousand would outweigh most messages.
    const accounts = epoch === 0 ? recipients.map(({ account }) => account) : [];
    const kept = payload.type !== "receipt";
    const entry = kept ? await entries.sent(header, encodePayload(payload), accounts) : null;
    return { message, conversation, frame, entry };
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
    const { keys, contacts } = this.#context;
    let sender = contacts.known(frame.account);
    if (sender === undefined && !ask) return { kind: "unjudged", soon: true };
    try {
      sender ??= await contacts.byAccount(frame.account);
    } catch (error) {
      if (!(error instanceof FastChatError)) throw error;
      return { kind: "unjudged", soon: !LASTING.has(error.code) };
    }
    const standing = equalBytes(header.head, NO_HEAD) ? null : await this.#context.groups.standing(header);
    if (standing?.kind === "unknown") return { kind: "unjudged", soon: standing.soon };
    if (standing?.kind === "outsider") return { kind: "invalid" };
    try {
      const opened = await openEnvelope({
        envelope,
        wrappedKey,
        frame,
        sender,
        recipient: keys.identity.account,
        privateKeys: keys.privateKeys,
      });
      if (standing === null) return { kind: "genuine", ...opened, sender, group: null, mayRepeat: false };
      if (standing.kind !== "member") {
        // Its sender has signed it: what the service shows here is not what it showed there.
        this.#context.groups.accuse(header.conversation, standing.kind);
        return standing.kind === "forked" ? { kind: "invalid" } : { kind: "unjudged", soon: false };
      }
      const advance = this.#advance(header);
      if (advance === "back") return { kind: "invalid" };
      const title = await this.#context.groups.titleOf(header.conversation);
      const group = { id: header.conversation, title, byAdmin: standing.admin };
      const mayRepeat = advance === "behind" || isAnew(opened.payload);
      return { kind: "genuine", ...opened, sender, group, mayRepeat };
    } catch (error) {
      if (error instanceof FastChatError && error.code === "undecryptable") return { kind: "invalid" };
      throw error;
    }
  }

  /** A device does not go back to a membership that it knew to be over: what says so was held back, or made with an old key. */
  #advance({ conversation, device, sender, sequence, epoch }: EnvelopeHeader): "on" | "behind" | "back" {
    const key = `${conversation}${sender}${device}`;
    const newest = this.#newest.get(key);
    if (newest !== undefined && sequence <= newest.sequence) return "behind";
    if (newest !== undefined && epoch < newest.epoch) return "back";
    this.#newest.set(key, { sequence, epoch });
    return "on";
  }
}
