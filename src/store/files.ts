/** Files that people send each other: sealed chunks under random ids, each file for a time. */

/** Names a file to whoever knows it: 16 random bytes, hexadecimal. */
export type FileId = string & { readonly kind?: "file" };

export interface NewFile {
  readonly id: FileId;
  readonly chunks: number;
  /** Size of all chunks together. */
  readonly bytes: number;
  /** Milliseconds since 1970; it goes soon after. */
  readonly expiresAt: number;
}

/** The voucher that pays for a file. */
export interface SpentFileVoucher {
  /** SHA-256 of the voucher's nonce. */
  readonly nonceHash: Uint8Array;
  /** Milliseconds since 1970; the nonce is remembered at least that long. */
  readonly expiresAt: number;
}

export type BeginOutcome =
  /** `exists`: a file of that id was begun before, with the same number of chunks. */
  | "begun"
  | "exists"
  | "voucherUsed"
  /** All files together would take more than they may. */
  | "full"
  /** The id belongs to another file. */
  | "conflict";

/** `had`: that chunk is there, and is left as it is. */
export type PutOutcome = "stored" | "had" | "noSuchFile" | "tooLarge";

/** @throws StoreError from every method */
export interface FileStore {
  /**
   * Makes room for a file and spends the voucher.
   *
   * @param mostBytes that all files may take together
   */
  begin(file: NewFile, voucher: SpentFileVoucher, mostBytes: number): Promise<BeginOutcome>;
  /** @param number of the chunk, from 0 */
  put(file: FileId, number: number, sealed: Uint8Array): Promise<PutOutcome>;
  /** @returns `null` where that chunk is not there */
  get(file: FileId, number: number): Promise<Uint8Array | null>;
  /** Removes files that expired before `time` (milliseconds since 1970). */
  sweep(time: number): Promise<void>;
}
