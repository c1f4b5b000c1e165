/** Whom one writes to: a person by name, or a group by `#` and its title, or by its id. */
import type { VerifiedCard } from "../../crypto/card.js";
import { FastChatError } from "../../protocol/errors.js";
import {
  parseConversationId,
  parseUserName,
  type ConversationId,
  type UserName,
} from "../../protocol/ids.js";
import type { Contacts } from "./contacts.js";
import type { Conversations } from "./conversations.js";
import type { GroupNames } from "./group-names.js";
import type { Groups } from "./groups.js";
import type { Place } from "./history.js";

/** As it was typed. */
export type PeerName =
  | { readonly kind: "person"; readonly name: UserName }
  /** `text`: a title, or an id in hexadecimal. */
  | { readonly kind: "group"; readonly text: string };

export type Peer =
  | { readonly kind: "person"; readonly card: VerifiedCard }
  | { readonly kind: "group"; readonly group: ConversationId; readonly title: string };

/** @throws FastChatError `badName` */
export function parsePeer(typed: string): PeerName {
  if (typed.startsWith("#") && typed.length > 1) return { kind: "group", text: typed.slice(1) };
  if (parseConversationId(typed.toLowerCase()) !== null) return { kind: "group", text: typed };
  const name = parseUserName(typed);
  if (name === null) throw new FastChatError("badName", `"${typed.slice(0, 64)}" is not a user name.`);
  return { kind: "person", name };
}

/** How people see it: a user name, or `#` and the title, or the beginning of the id of a group without one. */
export function shownGroup(id: ConversationId, title: string): string {
  return `#${title === "" ? id.slice(0, 8) : title}`;
}

export class Peers {
  constructor(
    private readonly contacts: Pick<Contacts, "byName">,
    private readonly groups: Pick<Groups, "titleOf">,
    private readonly groupNames: Pick<GroupNames, "find">,
    private readonly conversations: Pick<Conversations, "of">,
    /** Whether anything of a conversation stands in the archive. */
    private readonly stands: (conversation: ConversationId) => Promise<boolean>,
  ) {}

  /**
   * @throws FastChatError `noSuchAccount`, `noSuchGroup`, `keyChanged`; `badRequest` for a title that several groups have; what the
   *   service answers
   */
  async find(name: PeerName): Promise<Peer> {
    if (name.kind === "person") return { kind: "person", card: await this.contacts.byName(name.name) };
    const group = await this.groupNames.find(name.text);
    return { kind: "group", group, title: await this.groups.titleOf(group) };
  }

  /**
   * The conversation with them. Something may have been imported of a group that this account never was in.
   *
   * @throws FastChatError as {@link find}
   */
  async place(name: PeerName): Promise<Place> {
    const id = name.kind === "group" ? parseConversationId(name.text.toLowerCase()) : null;
    if (id !== null && (await this.stands(id))) {
      return { conversation: id, shown: shownGroup(id, await this.groups.titleOf(id)) };
    }
    const peer = await this.find(name);
    const conversation = await this.conversations.of(peer);
    const shown = peer.kind === "group" ? shownGroup(peer.group, peer.title) : peer.card.name;
    return { conversation, shown };
  }
}
