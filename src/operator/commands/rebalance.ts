/** `fastchat-system rebalance` */
import type { CommandModule } from "yargs";
import { printableJson } from "../../client/cli/printable.js";
import { OPERATOR_PATHS, Rebalancing } from "../../protocol/operator.js";
import { runOperatorCommand, type OperatorArguments } from "../command.js";
import { counted, withWait, type OrderArguments } from "../order-arguments.js";
import { waitFor } from "../wait.js";

export const rebalanceCommand: CommandModule<OperatorArguments, OrderArguments> = {
  command: "rebalance",
  describe: "Have sessions move between chat servers until the load is even",
  builder: (yargs) =>
    withWait(yargs).epilogue(
      "Whatever the strategy. With --json: an object with moved, how many were told to move; left, how many could " +
        "not; and done: whether it is over.",
    ),
  handler: (argv) =>
    runOperatorCommand(argv, async (context) => {
      const { output } = context;
      const path = OPERATOR_PATHS.rebalance;
      const begun = await (await context.operator()).ask(Rebalancing, "POST", path, {});
      const now = argv.wait ? await waitFor(context, { answer: Rebalancing, path }, leftToMove) : begun;
      const { moved, left } = now;
      const told = argv.wait ? resultOf(now) : `${counted(left, "session")} to move`;
      await output.line(output.json ? printableJson({ moved, left, done: argv.wait }) : told);
    }),
};

export function leftToMove({ underWay, moving, left }: Rebalancing): string | null {
  return underWay ? `${counted(left, "session")} to move, ${moving.toLocaleString("en")} on their way` : null;
}

export function resultOf({ moved, left }: Rebalancing): string {
  const told = `${counted(moved, "session")} moved`;
  return left === 0
    ? `the load is even; ${told}`
    : `${told}; the load is as even as it can be at present, with ${counted(left, "session")} that cannot move`;
}
