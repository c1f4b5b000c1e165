/** A kept frame as a row to be. */
import { decodeSend } from "../../protocol/hot.js";
import type { BodyId, DeliveryKey } from "../../store/deliveries.js";
import type { QueuedRow } from "./delivery-writer.js";
import { restoreFrame, type KeptFrame } from "./kept-frame.js";

/**
 * @param frame a `deliver` frame with the one recipient that `key` names; it stays the row's own, whatever becomes of the
 *   message meanwhile
 */
export function queuedRow(key: DeliveryKey, frame: KeptFrame, body: BodyId): QueuedRow {
  return {
    key,
    bytes: frame.length,
    make() {
      const { conversation, epoch, keys, envelope } = decodeSend(restoreFrame(frame));
      return {
        delivery: { ...key, conversation, epoch, key: keys[0]?.key ?? new Uint8Array(), body },
        body: { id: body, content: envelope },
      };
    },
  };
}
