/** What the history checker finds, and how it says it. */
import type { At, FaultEvent } from "./events.js";

/** All counts are over the whole history. */
export interface HistoryCounts {
  /** Messages. */
  readonly sent: number;
  /** Messages. */
  readonly accepted: number;
  /** Messages in archives of recipients, one for each recipient who has it. */
  readonly received: number;
  /** Accepted messages that are missing in an archive, one for each archive; entries of it that a device does not show. */
  readonly lost: number;
  /** Entries beyond a message's first in an archive, or in what a device shows; messages that a device was handed again. */
  readonly duplicated: number;
  /** Entries that stand behind a later message of the same device and conversation. */
  readonly reordered: number;
  /** Entries or receipts of what was never sent so: an unknown message, or other words, sender or recipient. */
  readonly invented: number;
}

export type ViolationKind = "lost" | "duplicated" | "reordered" | "invented";

export interface Violation {
  readonly kind: ViolationKind;
  readonly message: string;
  /** Of `reordered`: the later message that stands before it. */
  readonly other: string | null;
  /** Whose archive it is. */
  readonly account: string;
  /** That sent the message; `null` where nobody did. */
  readonly device: string | null;
  readonly sentAt: At | null;
  readonly acceptedAt: At | null;
  /** When a device of the account was first handed it. */
  readonly receivedAt: At | null;
  /** What is wrong, where the kind does not tell it all. */
  readonly detail: string | null;
  /** The faults in force between sending and receiving, or shortly before or after, nearest first. */
  readonly faults: readonly FaultEvent[];
}

export interface Verdict {
  readonly counts: HistoryCounts;
  /** The first ones of each kind; the counts have all. */
  readonly violations: readonly Violation[];
}

/** Whether the history is as promised. */
export function isClean({ lost, duplicated, reordered, invented }: HistoryCounts): boolean {
  return lost + duplicated + reordered + invented === 0;
}

/** A violation in words, for people. */
export function describeViolation(violation: Violation): string {
  const { kind, message, other, account, device, detail } = violation;
  const what = {
    lost: `${message} was accepted and is not in the archive of ${account}`,
    duplicated: `${message} stands more than once in the archive of ${account}`,
    reordered: `${message} stands behind the later ${other ?? "one"} in the archive of ${account}`,
    invented: `${account} has ${message}, which was never sent so`,
  }[kind];
  const times = [
    timeOf("sent", violation.sentAt),
    timeOf("accepted", violation.acceptedAt),
    timeOf("received", violation.receivedAt),
  ].filter((text) => text !== null);
  return [
    `${kind}: ${what}${detail === null ? "" : ` (${detail})`}`,
    `  device ${device ?? "unknown"}; ${times.length === 0 ? "no times known" : times.join(", ")}`,
    ...violation.faults.map((fault) => `  around it: ${describeFault(fault)}`),
  ].join("\n");
}

export function describeFault({ kind, target, at, until }: FaultEvent): string {
  return `${kind} of ${target} from ${seconds(at)} to ${until === null ? "an unknown time" : seconds(until)}`;
}

function timeOf(what: string, at: At | null): string | null {
  return at === null ? null : `${what} at ${seconds(at)}`;
}

function seconds(at: At): string {
  return `${(at / 1000).toFixed(3)} s`;
}
