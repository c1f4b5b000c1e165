/** `fastchat-system drain` */
import type { CommandModule } from "yargs";
import { printableJson } from "../../client/cli/printable.js";
import { FastChatError } from "../../protocol/errors.js";
import type { ServerId } from "../../protocol/ids.js";
import { OPERATOR_PATHS, TakenUp, type OperatorStatus } from "../../protocol/operator.js";
import { runOperatorCommand, type OperatorArguments } from "../command.js";
import { serverOf, sessionsOn, withServer, type ServerArguments } from "../order-arguments.js";
import { waitUntilDone } from "../wait.js";

export const drainCommand: CommandModule<OperatorArguments, ServerArguments> = {
  command: "drain <id>",
  describe: "Empty a chat server: nobody new comes to it, and who is there moves away. It goes on running",
  builder: (yargs) =>
    withServer(yargs).epilogue(
      "Ends once nobody is connected there. The last server that takes people cannot be drained. With --json: " +
        "an object with server, and done: whether nobody is left.",
    ),
  handler: (argv) =>
    runOperatorCommand(argv, async (context) => {
      const { output } = context;
      const server = serverOf(argv);
      await (await context.operator()).ask(TakenUp, "POST", OPERATOR_PATHS.drain(server), {});
      if (argv.wait) await waitUntilDone(context, (status) => leftOn(server, status));
      const told = argv.wait ? `${server} is empty` : `${server} takes nobody new and is being emptied`;
      await output.line(output.json ? printableJson({ server, done: argv.wait }) : told);
    }),
};

/** @throws FastChatError `conflict` where somebody else has it serve again */
export function leftOn(server: ServerId, { servers }: OperatorStatus): string | null {
  const found = servers.find(({ id }) => id === server);
  if (found === undefined) return null;
  if (found.state === "serving") {
    throw new FastChatError("conflict", `${server} was told to serve again meanwhile.`);
  }
  return found.connections + found.placed === 0 ? null : `${server}: ${sessionsOn(found)}`;
}
