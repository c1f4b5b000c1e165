/** How the list of devices looks: a line each, with the times below each other. */
import type { ChalkInstance } from "chalk";
import type { SignedInDevice } from "../core/messages.js";
import { localTime } from "./format.js";
import { printableLine } from "./printable.js";

const THIS_ONE = " (this one)";

export function deviceLines(devices: readonly SignedInDevice[], paint: ChalkInstance): string[] {
  const names = devices.map(({ device, label }) => printableLine(label || device));
  const widths = devices.map(
    ({ isThis }, index) => (names[index] ?? "").length + (isThis ? THIS_ONE.length : 0),
  );
  const widest = Math.max(0, ...widths);
  return devices.map(({ signedInAt, lastUsedAt, isThis }, index) => {
    const here = isThis ? paint.green(THIS_ONE) : "";
    const room = " ".repeat(widest - (widths[index] ?? 0));
    const since = `since ${localTime(signedInAt)}, last here ${localTime(lastUsedAt)}`;
    return `${names[index] ?? ""}${here}${room}  ${paint.dim(since)}`;
  });
}
