/** `fastchat-system rebalance` */
import { setTimeout as pause } from "node:timers/promises";
import type { CommandModule } from "yargs";
import { unlessAborted } from "../../client/cli/interrupt.js";
import type { Output } from "../../client/cli/output.js";
import { printableJson } from "../../client/cli/printable.js";
import { OPERATOR_PATHS, Rebalancing } from "../../protocol/operator.js";
import { runOperatorCommand, type OperatorArguments } from "../command.js";

/** How often it is asked how far it has come, in milliseconds. */
const EVERY_MS = 500;

export const rebalanceCommand: CommandModule<OperatorArguments, OperatorArguments> = {
  command: "rebalance",
  describe: "Have sessions move between chat servers until the load is even",
  builder: (yargs) =>
    yargs.epilogue(
      "Waits until it is done; Ctrl-C ends the waiting and not the moving.\n" +
        "With --json: one object with moved, and left where some could not move.",
    ),
  handler: (argv) =>
    runOperatorCommand(argv, async ({ operator, output, interrupts }) => {
      const { signal } = interrupts;
      const balancer = await operator();
      let now = await unlessAborted(balancer.ask(Rebalancing, "POST", OPERATOR_PATHS.rebalance), signal);
      for (let told = ""; now.underWay;) {
        told = tell(output, now, told);
        await unlessAborted(pause(EVERY_MS), signal);
        now = await unlessAborted(balancer.ask(Rebalancing, "GET", OPERATOR_PATHS.rebalance), signal);
      }
      const { moved, left } = now;
      await output.line(output.json ? printableJson({ moved, left }) : resultOf(moved, left));
    }),
};

/** Says how far it has come, where that is news. */
function tell(output: Output, { moved, left }: Rebalancing, before: string): string {
  const text = `${moved} told to move, ${left} to go.`;
  if (text !== before) output.note(text);
  return text;
}

function resultOf(moved: number, left: number): string {
  const sessions = moved === 1 ? "1 session" : `${moved} sessions`;
  return left === 0
    ? `The load is even; ${sessions} moved.`
    : `${sessions} moved; the load is as even as it can be at present: ${left} could not move.`;
}
