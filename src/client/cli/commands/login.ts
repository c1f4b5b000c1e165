/** `fastchat login NAME` */
import type { CommandModule } from "yargs";
import { FastChatError } from "../../../protocol/errors.js";
import type { Client } from "../../core/client.js";
import { chatLines } from "../format-chats.js";
import { unlessAborted } from "../interrupt.js";
import { requireName } from "../name.js";
import { askPassword } from "../password.js";
import { printableLine } from "../printable.js";
import { sayIfSlow } from "../progress.js";
import { runCommand, type CommandContext, type GlobalOptions } from "../session.js";
import { defaultDeviceLabel, signIn } from "../sign-in.js";

/** Chats that are listed after a login. */
const SHOWN = 10;

interface LoginOptions extends GlobalOptions {
  readonly name: string;
  readonly device: string;
  readonly quick: boolean;
  readonly pending: boolean;
}

export const loginCommand: CommandModule<GlobalOptions, LoginOptions> = {
  command: "login <name>",
  describe: "Sign this device in to an account that exists; its whole history is there",
  builder: (yargs) =>
    yargs
      .positional("name", { type: "string", demandOption: true, describe: "The account's name" })
      .option("device", {
        type: "string",
        default: defaultDeviceLabel(),
        requiresArg: true,
        describe: "What your other devices shall call this one",
      })
      .option("quick", {
        type: "boolean",
        default: false,
        describe: "QuickChat: show only what is new or waits; fastchat restore shows the rest later",
      })
      .option("pending", {
        type: "boolean",
        default: true,
        describe: "--no-pending leaves what waits with the service until fastchat pending takes it",
      })
      .example("$0 login alice", "asks for the password")
      .example("$0 login alice --quick", "for a moment, on somebody else's machine")
      .example(
        "$0 login alice --server fastchat://chat.example.org",
        "at another service than this machine's",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const name = requireName(argv.name);
      await signIn(context, {
        name,
        again: true,
        password: () => askPassword(name, { ...process, env: context.env }),
        begin: (client, ports, password) =>
          client.login(
            ports,
            {
              name,
              password,
              deviceLabel: argv.device,
              quick: argv.quick,
              leavesPending: !argv.pending,
            },
            context.clientOptions,
          ),
        meanwhile: "hashing the password; this takes a moment…",
        done: `${name} is logged in at`,
        ...(argv.quick ? {} : { afterwards: (client) => showChats(context, client) }),
      });
    }),
};

/** What the account brings with it. That it cannot be read just now is no reason to take the login for failed. */
async function showChats({ output, interrupts }: CommandContext, client: Client): Promise<void> {
  try {
    const reading = client.chats({ limit: SHOWN });
    const { chats, next } = await unlessAborted(
      sayIfSlow(output, "reading your chats…", reading),
      interrupts.signal,
    );
    const pinnedFirst = [...chats].sort((one, other) => Number(other.pinned) - Number(one.pinned));
    for (const line of chatLines(pinnedFirst, client.me.name, output.paint)) await output.line(line);
    if (next !== null) output.note("there are more; fastchat chats lists them.");
  } catch (error) {
    if (!(error instanceof FastChatError)) throw error;
    output.note(`your chats cannot be shown yet: ${printableLine(error.message)}`);
  }
}
