/** What orders to one server or to all take on the command line. */
import type { Argv } from "yargs";
import { FastChatError } from "../protocol/errors.js";
import { parseServerId, type ServerId } from "../protocol/ids.js";
import type { ServerStatus } from "../protocol/operator.js";
import type { OperatorArguments } from "./command.js";

export interface OrderArguments extends OperatorArguments {
  readonly wait: boolean;
}

export interface ServerArguments extends OrderArguments {
  readonly id: string;
}

export function withWait<T extends OperatorArguments>(yargs: Argv<T>): Argv<T & OrderArguments> {
  return yargs.option("wait", {
    type: "boolean",
    default: true,
    describe: "wait until it is done; with --no-wait: only until the order is taken up",
  });
}

export function withServer(yargs: Argv<OperatorArguments>): Argv<ServerArguments> {
  return withWait(yargs).positional("id", {
    type: "string",
    demandOption: true,
    describe: "a chat server's id, as chat-2",
  });
}

/** @throws FastChatError `badRequest` */
export function serverOf({ id }: Pick<ServerArguments, "id">): ServerId {
  const server = parseServerId(id);
  if (server === null) {
    throw new FastChatError("badRequest", `"${id}" is no server's id; fastchat-system status lists them.`);
  }
  return server;
}

/** Who is there, and who was sent there and may come yet. */
export function sessionsOn({ connections, placed }: Pick<ServerStatus, "connections" | "placed">): string {
  const left = `${counted(connections, "session")} left`;
  if (placed === 0) return left;
  const coming = `${counted(placed, "session")} on the way there`;
  return connections === 0 ? coming : `${left}, ${coming}`;
}

/** As "1 session", "2 sessions". */
export function counted(count: number, what: string): string {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}
