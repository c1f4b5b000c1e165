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
      const tally = new MovedTally();
      const watch = (now: Rebalancing): string | null => {
        tally.note(now.moved);
        return leftToMove(now);
      };
      const { left } = argv.wait ? await waitFor(context, { answer: Rebalancing, path }, watch) : begun;
      const moved = argv.wait ? tally.moved : begun.moved;
      const told = argv.wait ? resultOf({ moved, left }) : `${counted(left, "session")} to move`;
      await output.line(output.json ? printableJson({ moved, left, done: argv.wait }) : told);
    }),
};

export function leftToMove({ underWay, moving, left }: Rebalancing): string | null {
  return underWay ? `${counted(left, "session")} to move, ${moving.toLocaleString("en")} on their way` : null;
}

/** How many moved in all: a balancer that was started again meanwhile counts anew. */
export class MovedTally {
  #before = 0;
  #newest = 0;

  note(moved: number): void {
    if (moved < this.#newest) this.#before += this.#newest;
    this.#newest = moved;
  }

  get moved(): number {
    return this.#before + this.#newest;
  }
}

export function resultOf({ moved, left }: Pick<Rebalancing, "moved" | "left">): string {
  const told = `${counted(moved, "session")} moved`;
  return left === 0
    ? `the load is even; ${told}`
    : `${told}; the load is as even as it can be at present, with ${counted(left, "session")} that cannot move`;
}
