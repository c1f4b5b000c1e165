/**
 * Frames that are kept until they are settled. They are kept as strings of one byte a character, which live on the
 * JavaScript heap and die young there. A Buffer's memory lies outside: kept ones make the collector run whole
 * collections for memory that it cannot see into, and a view of a few hundred bytes keeps a whole turn's buffer alive.
 */
declare const brand: unique symbol;
export type KeptFrame = string & { readonly [brand]: "frame" };

export function keepFrame(frame: Uint8Array): KeptFrame {
  const buffer = Buffer.isBuffer(frame) ? frame : Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  return buffer.toString("latin1") as KeptFrame;
}

/** @param rest what follows behind it, where that is kept apart */
export function restoreFrame(kept: KeptFrame, rest: KeptFrame = RELEASED): Buffer<ArrayBuffer> {
  // Written one behind the other: joined as strings the two would be copied, and the copy be kept.
  const frame = Buffer.allocUnsafe(kept.length + rest.length);
  frame.write(kept, 0, "latin1");
  if (rest !== RELEASED) frame.write(rest, kept.length, "latin1");
  return frame;
}

/**
 * What stands in place of a frame that is settled. A Map that has rehashed leaves its former table behind, which lives
 * until the next whole collection and holds all that was in it; so whoever takes an entry out of one lets go of the
 * entry's frame too.
 */
export const RELEASED = "" as KeptFrame;
