/** Waiting until the system has done what it was told, with what is still to come on standard error. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Static, TSchema } from "#typebox";
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
export function waitUntilDone(
  context: OperatorContext,
  left: (status: OperatorStatus) => string | null,
  pace: Pace = PACE,
): Promise<OperatorStatus> {
  return waitFor(context, { answer: OperatorStatus, path: OPERATOR_PATHS.status, isTold }, left, pace);
}

/** A balancer that has just started answers before the supervisor has told it of any thread. */
function isTold({ parts }: OperatorStatus): boolean {
  return parts.length > 0;
}

/** What tells how far it is. */
export interface Question<S extends TSchema> {
  readonly answer: S;
  readonly path: string;
  /** Whether an answer tells anything; one that does not counts as none. */
  readonly isTold?: (answer: Static<S>) => boolean;
}

/** As {@link waitUntilDone}, where something else than the status tells. */
export async function waitFor<S extends TSchema>(
  context: OperatorContext,
  question: Question<S>,
  left: (answer: Static<S>) => string | null,
  { askMs, silentMs, awayMs }: Pace = PACE,
): Promise<Static<S>> {
  const { interrupts, output } = context;
  let told = "";
  let toldAt = performance.now();
  let heardAt = performance.now();
  // Two answers running must say so: a balancer that has just started may not know yet who is connected.
  let done = false;
  const tell = (text: string): void => {
    if (text === told || performance.now() - toldAt < silentMs) return;
    told = text;
    toldAt = performance.now();
    output.note(text);
  };
  try {
    for (;;) {
      const heard = await unlessAborted(ask(context, question, heardAt + awayMs), interrupts.signal);
      if (heard === null) tell("the balancer does not answer; trying again");
      else {
        heardAt = performance.now();
        const text = left(heard.answer);
        if (text === null && done) return heard.answer;
        done = text === null;
        if (text !== null) tell(text);
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
async function ask<S extends TSchema>(
  context: OperatorContext,
  { answer, path, isTold }: Question<S>,
  until: number,
): Promise<{ readonly answer: Static<S> } | null> {
  const operator = await context.operator();
  try {
    const told = await operator.ask(answer, "GET", path);
    return isTold?.(told) === false ? null : { answer: told };
  } catch (error) {
    if (PASSING.has(errorRecord(error).code) && performance.now() < until) return null;
    throw error;
  }
}
