/** Names as people type them. */
import { FastChatError } from "../../protocol/errors.js";
import { parseUserName, type UserName } from "../../protocol/ids.js";

/** @throws FastChatError `badName` */
export function requireName(text: string): UserName {
  const name = parseUserName(text);
  if (name === null) throw new FastChatError("badName", `"${text}" is not a name.`);
  return name;
}
