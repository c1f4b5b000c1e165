/** The first frame of a connection to a chat server. */
import { fromBase64Url } from "../../src/protocol/bytes.js";
import { PROTOCOL_VERSION, clientMessages } from "../../src/protocol/chat.js";
import type { Placement } from "../../src/protocol/http.js";

/** @param attach whether messages shall be delivered there */
export function helloOf({ ticket }: Placement, attach: boolean): Uint8Array {
  const bytes = fromBase64Url(ticket);
  if (bytes === null) throw new Error("the balancer gave a ticket that is not of its form");
  return clientMessages.encode({ type: "hello", version: PROTOCOL_VERSION, ticket: bytes, attach });
}
