/** A kept frame as a row to be. */
import { ENTRY_PREFIX_BYTES, HOT_HEADER_BYTES, decodeHeader, entrySpans } from "../../protocol/hot.js";
import type { BodyId, DeliveryKey } from "../../store/deliveries.js";
import type { QueuedRow } from "./delivery-writer.js";
import type { Held } from "./held-messages.js";
import { RELEASED, restoreFrame } from "./kept-frame.js";

/**
 * @param held its frame stays the row's own, whatever becomes of the message meanwhile
 */
export function queuedRow(
  key: DeliveryKey,
  { frame, bytes, body: { envelope } }: Pick<Held, "frame" | "bytes" | "body">,
  body: BodyId,
): QueuedRow {
  const shares = envelope !== RELEASED;
  return {
    key,
    bytes,
    make() {
      const own = restoreFrame(frame);
      const end = shares ? own.length : (entrySpans(own)[0]?.end ?? own.length);
      const { conversation, epoch } = decodeHeader(own);
      const wrappedKey = own.subarray(HOT_HEADER_BYTES + ENTRY_PREFIX_BYTES, end);
      return {
        delivery: { ...key, conversation, epoch, key: wrappedKey, body },
        content: () => (shares ? restoreFrame(envelope) : own.subarray(end)),
      };
    },
  };
}
