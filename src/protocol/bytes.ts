/** Bytes and their texts, for every runtime: no Node-only call is needed, though Node's faster one is used. */

const HEX = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));

interface NativeHex {
  hexSlice(start: number, end: number): string;
}

/**
 * Lower-case hexadecimal text of a range of bytes.
 *
 * Node's Buffer brings a native conversion five times as fast; ids are read so on every hop.
 */
export function toHex(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if ("hexSlice" in bytes) return (bytes as unknown as NativeHex).hexSlice(start, end);
  let text = "";
  for (let i = start; i < end; i++) text += HEX[bytes[i] as number] as string;
  return text;
}

/** Bytes of a hexadecimal text of even length; `null` where it is not one. */
export function fromHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return null;
  const bytes = new Uint8Array(text.length / 2);
  writeHex(bytes, 0, text);
  return bytes;
}

/** Writes a hexadecimal text that is known to be one into `target` at `offset`. */
export function writeHex(target: Uint8Array, offset: number, text: string): void {
  for (let i = 0; i < text.length; i += 2) {
    target[offset + (i >> 1)] = (nibble(text.charCodeAt(i)) << 4) | nibble(text.charCodeAt(i + 1));
  }
}

function nibble(code: number): number {
  return code <= 57 ? code - 48 : (code | 32) - 87;
}

/** base64url without padding (RFC 4648, section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Bytes of a base64url text without padding; `null` where it is not one, or not the only spelling of its bytes. */
export function fromBase64Url(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return toBase64Url(bytes) === text ? bytes : null;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Whether two byte strings are equal, in time that depends on their length only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Text of UTF-8 bytes. Throws a TypeError on bytes that are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
