/** Waiting until the system has done what it was told, with what is still to come on standard error. */
import { setTimeout as sleep } from "node:timers/promises";
import { unlessAborted } from "../client/cli/interrupt.js";
import { Interrupted } from "../client/cli/failure.js";
import { errorRecord, type ErrorCode } from "../protocol/errors.js";
import { OPERATOR_PATHS, OperatorStatus } from "../protocol/operator.js";
import type { OperatorContext } from "./command.js";

/** In milliseconds. */
export interface Pace {
  /** How often the system is asked. */
  readonly askMs: number;
  /** What takes less needs no word; and no more is said than one line in as many. */
  readonly silentMs: number;
  /** How long the balancer may be away: it may be starting again. */
  readonly awayMs: number;
}

const PACE: Pace = { askMs: 200, silentMs: 1000, awayMs: 30_000 };

const PASSING: ReadonlySet<ErrorCode> = new Set(["unreachable", "timeout", "unavailable"]);

/**
 * @param left what is still to be done, for people; `null` once it is done. What it throws ends the waiting
 * @returns the status in which it was done
 * @throws FastChatError `unreachable`, `timeout`, `unavailable` where the balancer stays away; Interrupted
 */
export async function waitUntilDone(
  context: OperatorContext,
  left: (status: OperatorStatus) => string | null,
  { askMs, silentMs, awayMs }: Pace = PACE,
): Promise<OperatorStatus> {
  const { interrupts, output } = context;
  let told = "";
  let toldAt = performance.now();
  let heardAt = performance.now();
  const tell = (text: string): void => {
    if (text === told || performance.now() - toldAt < silentMs) return;
    told = text;
    toldAt = performance.now();
    output.note(text);
  };
  try {
    for (;;) {
      const status = await unlessAborted(askStatus(context, heardAt + awayMs), interrupts.signal);
      if (status === null) tell("the balancer does not answer; trying again");
      else {
        heardAt = performance.now();
        const text = left(status);
        if (text === null) return status;
        tell(text);
      }
      await unlessAborted(sleep(askMs), interrupts.signal);
    }
  } catch (error) {
    if (error instanceof Interrupted)
      output.note("it goes on without being watched; status shows how far it is");
    throw error;
  }
}

/** @returns `null` where the balancer does not answer, and that may pass */
async function askStatus(context: OperatorContext, until: number): Promise<OperatorStatus | null> {
  const operator = await context.operator();
  try {
    return await operator.ask(OperatorStatus, "GET", OPERATOR_PATHS.status);
  } catch (error) {
    if (PASSING.has(errorRecord(error).code) && performance.now() < until) return null;
    throw error;
  }
}
