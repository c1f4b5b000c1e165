/** `fastchat-system resume` */
import type { CommandModule } from "yargs";
import { printableJson } from "../../client/cli/printable.js";
import { FastChatError } from "../../protocol/errors.js";
import type { ServerId } from "../../protocol/ids.js";
import { OPERATOR_PATHS, TakenUp, type OperatorStatus } from "../../protocol/operator.js";
import { runOperatorCommand, type OperatorArguments } from "../command.js";
import { serverOf, withServer, type ServerArguments } from "../order-arguments.js";
import { waitUntilDone } from "../wait.js";

export const resumeCommand: CommandModule<OperatorArguments, ServerArguments> = {
  command: "resume <id>",
  describe: "Have a chat server take people again that was drained, or that was to go and has not begun to",
  builder: (yargs) =>
    withServer(yargs).epilogue(
      "Ends once it does. With --json: an object with server, and done: whether it takes people.",
    ),
  handler: (argv) =>
    runOperatorCommand(argv, async (context) => {
      const { output } = context;
      const server = serverOf(argv);
      await (await context.operator()).ask(TakenUp, "POST", OPERATOR_PATHS.resume(server), {});
      if (argv.wait) await waitUntilDone(context, (status) => notServing(server, status));
      const told = argv.wait ? `${server} takes people again` : `${server} is to take people again`;
      await output.line(output.json ? printableJson({ server, done: argv.wait }) : told);
    }),
};

/** @throws FastChatError `conflict` where somebody else has it drained or removed */
export function notServing(server: ServerId, { servers }: OperatorStatus): string | null {
  const state = servers.find(({ id }) => id === server)?.state;
  switch (state) {
    case "serving":
      return null;
    case "starting":
    case "down":
      return `${server} does not run at the moment; it will be started again`;
    default:
      throw new FastChatError("conflict", `${server} was told to go or to be emptied again meanwhile.`);
  }
}
