/** The test vectors, read from the sources: the compiler leaves JSON where it is. */
import { readFileSync } from "node:fs";
import { fromBase64Url } from "../../src/protocol/bytes.js";
import type { Card, VaultRecord } from "../../src/protocol/http.js";
import type { AccountId, ArchiveId, ConversationId, DeviceId, MessageId } from "../../src/protocol/ids.js";

interface PersonVector {
  readonly seed: string;
  readonly privateKey: string;
  readonly account: AccountId;
  readonly card: Card;
}

interface EnvelopeVector {
  readonly message: MessageId;
  readonly conversation: ConversationId;
  readonly device: DeviceId;
  readonly sequence: number;
  readonly sentAt: number;
  readonly text: string;
  readonly envelope: string;
  readonly keys: readonly string[];
}

export interface IndependentVectors {
  readonly alice: PersonVector;
  readonly bob: PersonVector;
  /** The one with a key of 3072 bits. */
  readonly carol: PersonVector;
  readonly weakKey: string;
  readonly exponentThreeKey: string;
  readonly padded: readonly (readonly [number, number])[];
  /** From alice to bob, its key wrapped for carol too. */
  readonly envelope: EnvelopeVector;
  readonly envelopeToCarol: EnvelopeVector;
  /** Alice's. */
  readonly vault: { readonly exportKey: string; readonly archiveId: ArchiveId; readonly record: VaultRecord };
  readonly sealed: {
    readonly key: string;
    readonly owner: string;
    readonly plaintext: string;
    readonly sealed: string;
  };
  readonly tags: {
    readonly indexKey: string;
    readonly message: MessageId;
    readonly conversation: ConversationId;
    readonly bodyHash: string;
    readonly chat: string;
    readonly pins: string;
    readonly entry: string;
    readonly pin: string;
    readonly invalid: string;
    readonly unjudged: string;
  };
  readonly safetyNumber: string;
}

/** @param name of a file in the folder `vectors` */
export function readVectors<T>(name: string): T {
  // From dist/test/crypto to the sources.
  const url = new URL(`../../../test/crypto/vectors/${name}`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as T;
}

export const independent = readVectors<IndependentVectors>("independent.json");

/** Bytes of a base64url text that is known to be one. */
export function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64Url(text);
  if (bytes === null) throw new Error(`not base64url: ${text}`);
  return bytes;
}

/** The bytes with one bit of the byte at `at` flipped. */
export function flipped(bytes: Uint8Array, at: number, bit = 0): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}
