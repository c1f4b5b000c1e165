/** `fastchat-system scale` */
import type { Argv, CommandModule } from "yargs";
import { printableJson } from "../../client/cli/printable.js";
import { FastChatError } from "../../protocol/errors.js";
import { MOST_SERVERS, OPERATOR_PATHS, TakenUp, type OperatorStatus } from "../../protocol/operator.js";
import { runOperatorCommand, type OperatorArguments } from "../command.js";
import { counted, sessionsOn, withWait, type OrderArguments } from "../order-arguments.js";
import { waitUntilDone } from "../wait.js";

interface ScaleArguments extends OrderArguments {
  readonly n: string;
}

export const scaleCommand: CommandModule<OperatorArguments, ScaleArguments> = {
  command: "scale <n>",
  describe: "Have so many chat servers until the system stops: more are started, or some emptied and ended",
  builder: (yargs): Argv<ScaleArguments> =>
    withWait(yargs)
      .positional("n", { type: "string", demandOption: true, describe: `chat servers, 1 to ${MOST_SERVERS}` })
      .epilogue(
        "Of too many servers those that are drained go first, then the highest numbers. Ends once so many run and " +
          "no other. The next start has as many as the setting servers says. With --json: an object with servers, the " +
          "ids of those there are, and done: whether it is done.",
      ),
  handler: (argv) =>
    runOperatorCommand(argv, async (context) => {
      const { output } = context;
      const servers = numberOf(argv.n);
      await (await context.operator()).ask(TakenUp, "POST", OPERATOR_PATHS.scale, { servers });
      if (!argv.wait) {
        const told = `there will be ${counted(servers, "chat server")}`;
        await output.line(output.json ? printableJson({ done: false }) : told);
        return;
      }
      const status = await waitUntilDone(context, (now) => leftToDo(servers, now));
      const ids = status.servers.map(({ id }) => id);
      const told = `${counted(servers, "chat server")}: ${ids.join(", ")}`;
      await output.line(output.json ? printableJson({ servers: ids, done: true }) : told);
    }),
};

function numberOf(text: string): number {
  const servers = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (servers >= 1 && servers <= MOST_SERVERS) return servers;
  throw new FastChatError("badRequest", `"${text}" is no whole number from 1 to ${MOST_SERVERS}.`);
}

/** @throws FastChatError `unavailable` where fewer are left, as one could not be started; `conflict` for another order */
export function leftToDo(wanted: number, { servers }: OperatorStatus): string | null {
  const going = servers.filter(({ state }) => state === "retiring");
  const staying = servers.filter(({ state }) => state !== "retiring");
  if (staying.length < wanted) {
    throw new FastChatError(
      "unavailable",
      `There are ${staying.length} chat servers only: one that was added did not start, or somebody wants fewer. The system's log says which.`,
    );
  }
  if (staying.length > wanted) {
    throw new FastChatError("conflict", `Somebody else wants ${staying.length} chat servers meanwhile.`);
  }
  const coming = staying.filter(({ state }) => state === "starting" || state === "down");
  const parts = [
    ...coming.map(({ id, state }) => `${id} is ${state}`),
    ...going.map((server) => `${server.id} has ${sessionsOn(server)}`),
  ];
  return parts.length === 0 ? null : parts.join(", ");
}
