/**
 * Frames that are kept until they are settled. They are kept as strings of one byte a character, which live on the
 * JavaScript heap and die young there. A Buffer's memory lies outside: kept ones make the collector run whole
 * collections for memory that it cannot see into, and a view of a few hundred bytes keeps a whole turn's buffer alive.
 */
declare const brand: unique symbol;
export type KeptFrame = string & { readonly [brand]: "frame" };

export function keepFrame(frame: Uint8Array): KeptFrame {
  return Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString("latin1") as KeptFrame;
}

export function restoreFrame(kept: KeptFrame): Buffer<ArrayBuffer> {
  return Buffer.from(kept, "latin1");
}
