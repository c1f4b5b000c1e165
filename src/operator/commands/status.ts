/** `fastchat-system status` */
import type { CommandModule } from "yargs";
import { printableJson } from "../../client/cli/printable.js";
import { OPERATOR_PATHS, OperatorStatus } from "../../protocol/operator.js";
import { runOperatorCommand, type OperatorArguments } from "../command.js";
import { drawStatus } from "../format-status.js";

interface Arguments extends OperatorArguments {
  readonly link: boolean;
}

export const statusCommand: CommandModule<OperatorArguments, Arguments> = {
  command: "status",
  describe: "Show every server and thread: state, connections, traffic, lag",
  builder: (yargs) =>
    yargs
      .option("link", {
        type: "boolean",
        default: false,
        describe: "print a link to the load page instead; whoever has it can do what operators can",
      })
      .epilogue(
        "With --json: one object with version, strategy, servers, parts and evenness; with --link, one with link.",
      ),
  handler: (argv) =>
    runOperatorCommand(argv, async (context) => {
      const { output } = context;
      const operator = await context.operator();
      const { url, link } = operator.page;
      if (argv.link) {
        await output.line(output.json ? printableJson({ link }) : link);
        return;
      }
      const status = await operator.ask(OperatorStatus, "GET", OPERATOR_PATHS.status);
      const page = output.paint.dim(`Live: ${url} (a link that lets you in: fastchat-system status --link)`);
      await output.line(
        output.json ? printableJson(status) : `${drawStatus(status, output.paint)}\n\n${page}`,
      );
    }),
};
