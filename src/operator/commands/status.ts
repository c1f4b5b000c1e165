/** `fastchat-system status` */
import type { CommandModule } from "yargs";
import { printableJson } from "../../client/cli/printable.js";
import { OPERATOR_PATHS, OperatorStatus } from "../../protocol/operator.js";
import { runOperatorCommand, type OperatorArguments } from "../command.js";
import { drawStatus } from "../format-status.js";

export const statusCommand: CommandModule<OperatorArguments, OperatorArguments> = {
  command: "status",
  describe: "Show every server and thread: state, connections, traffic, lag",
  builder: (yargs) => yargs.epilogue("With --json: one object with version, strategy, servers and parts."),
  handler: (argv) =>
    runOperatorCommand(argv, async (context) => {
      const { output } = context;
      const status = await (await context.operator()).ask(OperatorStatus, "GET", OPERATOR_PATHS.status);
      await output.line(output.json ? printableJson(status) : drawStatus(status, output.paint));
    }),
};
