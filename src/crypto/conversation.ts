/** The id of the conversation between two people, which both compute alike. */
import { primitives } from "#primitives";
import { writeHex } from "../protocol/bytes.js";
import { readConversationId, type AccountId, type ConversationId } from "../protocol/ids.js";
import { labelled } from "./fields.js";
import { LABELS } from "./labels.js";

/** Symmetric: the same for (a, b) and (b, a). One's conversation with oneself has an id too. */
export async function directConversation(a: AccountId, b: AccountId): Promise<ConversationId> {
  const both = new Uint8Array(32);
  writeHex(both, 0, a < b ? a : b);
  writeHex(both, 16, a < b ? b : a);
  return readConversationId(await primitives.sha256(labelled(LABELS.directConversation, both)));
}
