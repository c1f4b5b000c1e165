/** Names as people type them. */
import { FastChatError } from "../../protocol/errors.js";
import { parseUserName, type UserName } from "../../protocol/ids.js";
import { parsePeer } from "../core/peers.js";

/** @throws FastChatError `badName` */
export function requireName(text: string): UserName {
  const name = parseUserName(text);
  if (name === null) throw new FastChatError("badName", `"${text}" is not a name.`);
  return name;
}

/**
 * A person, or a group: `#` and its title, or its id.
 *
 * @returns as the client takes it
 * @throws FastChatError `badName`
 */
export function requirePeer(text: string): string {
  const peer = parsePeer(text);
  return peer.kind === "person" ? peer.name : text;
}
