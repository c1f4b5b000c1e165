/** Asks, at a terminal, which of several groups with one title is meant. */
import { createInterface } from "node:readline/promises";
import { namesOf, type ChooseGroup } from "../core/group-names.js";
import { unlessAborted } from "./interrupt.js";
import { printableLine } from "./printable.js";

export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream;
}

/**
 * @param signal ends the waiting for an answer
 * @returns nothing where nobody can be asked
 */
export function groupChooser({ stdin, stderr }: Terminal, signal: AbortSignal): ChooseGroup | undefined {
  if (stdin.isTTY !== true) return undefined;
  return async (title, groups) => {
    const shown = groups.map(
      ({ id, members, isMember }, index) =>
        `  ${index + 1}  ${id.slice(0, 8)}  ${printableLine(namesOf(members))}${isMember ? "" : " (left)"}\n`,
    );
    stderr.write(`Several groups are called "${printableLine(title)}":\n${shown.join("")}`);
    const lines = createInterface({ input: stdin, output: stderr, terminal: false });
    try {
      // Whoever ends the input chooses none.
      const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
      const answering = Promise.race([lines.question(`Which one, 1 to ${groups.length}? `), ended]);
      const answer = await unlessAborted(answering, signal);
      return groups[Number(answer) - 1]?.id ?? null;
    } finally {
      lines.close();
    }
  };
}
