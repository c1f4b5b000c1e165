/** `fastchat-system suspend NAME` */
import type { CommandModule } from "yargs";
import { requireName } from "../../client/cli/name.js";
import { printableJson } from "../../client/cli/printable.js";
import { OPERATOR_PATHS, Suspension } from "../../protocol/operator.js";
import { runOperatorCommand, type OperatorArguments } from "../command.js";

interface SuspendArguments extends OperatorArguments {
  readonly name: string;
  readonly lift: boolean;
}

export const suspendCommand: CommandModule<OperatorArguments, SuspendArguments> = {
  command: "suspend <name>",
  describe: "Take an account out of use: its devices are cut off at once, nobody logs in to it",
  builder: (yargs) =>
    yargs
      .positional("name", { type: "string", demandOption: true, describe: "the account's name" })
      .option("lift", {
        type: "boolean",
        default: false,
        describe: "the other way: whoever knows the password may log in again",
      })
      .epilogue(
        "What others write to a suspended account waits, as for anybody who is offline. With --json: name, suspended, changed (it was not so before) and devices (whose sessions ended by it).",
      ),
  handler: (argv) =>
    runOperatorCommand(argv, async (context) => {
      const { output } = context;
      const name = requireName(argv.name);
      const path = argv.lift ? OPERATOR_PATHS.lift(name) : OPERATOR_PATHS.suspend(name);
      const done = await (await context.operator()).ask(Suspension, "POST", path, {});
      await output.line(
        output.json
          ? printableJson({ name, suspended: !argv.lift, ...done })
          : sentence(name, argv.lift, done),
      );
    }),
};

function sentence(name: string, lifted: boolean, { changed, devices }: Suspension): string {
  if (lifted) {
    return changed
      ? `${name} is not suspended any more; its devices have to log in again.`
      : `${name} was not suspended.`;
  }
  if (!changed) return `${name} was suspended already. What others write to ${name} waits.`;
  const cut =
    devices === 0 ? "No device was signed in" : `Signed out: ${devices} device${devices === 1 ? "" : "s"}`;
  return `${name} is suspended. ${cut}. What others write to ${name} waits.`;
}
