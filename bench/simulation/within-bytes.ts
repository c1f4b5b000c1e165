/** How much of a page a store hands out. */
import type { StoredDelivery } from "../../src/store/deliveries.js";

/** The first of these, and behind it as many as weigh not more than `maxBytes` together with it. */
export function withinBytes(rows: readonly StoredDelivery[], maxBytes: number): StoredDelivery[] {
  let bytes = 0;
  const over = rows.findIndex(({ content, key }, index) => {
    bytes += content.length + key.length;
    return index > 0 && bytes > maxBytes;
  });
  return over < 0 ? [...rows] : rows.slice(0, over);
}
