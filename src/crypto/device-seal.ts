/** What lies on the device (PROTOCOL.md, "On the device"), sealed under the device's key and bound to its file's name. */
import { primitives } from "#primitives";
import { redacted } from "../protocol/redacted.js";
import { open, seal, SEALING_KEY_BYTES, type SealContext } from "./sealed.js";

/** A new device key, 32 bytes. */
export function newDeviceKey(): Uint8Array<ArrayBuffer> {
  return redacted(primitives.randomBytes(SEALING_KEY_BYTES));
}

/** @param file name of the file: one cannot be put in the place of another */
export function sealForDevice(
  deviceKey: Uint8Array,
  file: string,
  plaintext: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  return seal(deviceKey, contextOf(file), plaintext);
}

/** @throws FastChatError `undecryptable`, alike for all causes */
export function openForDevice(
  deviceKey: Uint8Array,
  file: string,
  sealed: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  return open(deviceKey, contextOf(file), sealed);
}

function contextOf(file: string): SealContext {
  return { format: 1, purpose: "device", owner: file, generation: 0, extra: [] };
}
