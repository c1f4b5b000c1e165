/** `fastchat register NAME` */
import type { CommandModule } from "yargs";
import { inviteToRegister } from "../invite.js";
import { requireName } from "../name.js";
import { choosePassword } from "../password.js";
import { runCommand, type GlobalOptions } from "../session.js";
import { defaultDeviceLabel, signIn } from "../sign-in.js";

interface RegisterOptions extends GlobalOptions {
  readonly name: string;
  readonly device: string;
  readonly archive: string | undefined;
  readonly invite: string | undefined;
}

export const registerCommand: CommandModule<GlobalOptions, RegisterOptions> = {
  command: "register <name>",
  describe: "Make an account, and sign this device in to it",
  builder: (yargs) =>
    yargs
      .positional("name", {
        type: "string",
        demandOption: true,
        describe: "3 to 32 of a-z, 0-9, dot, underscore, hyphen",
      })
      .option("device", {
        type: "string",
        default: defaultDeviceLabel(),
        requiresArg: true,
        describe: "What your other devices shall call this one",
      })
      .option("archive", {
        type: "string",
        requiresArg: true,
        describe:
          "Keep the history in a PostgreSQL database of your own, for good: postgres://user:password@host:5432/name (or FASTCHAT_ARCHIVE)",
      })
      .option("invite", {
        type: "string",
        requiresArg: true,
        describe:
          "The code of your invite, where the service wants one (or FASTCHAT_INVITE; else it is asked for)",
      })
      .example("$0 register alice", "asks for a password twice, then makes keys and the account")
      .epilogue("There is no way back to a lost password: the service never has it, nor your keys."),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const name = requireName(argv.name);
      const archive = argv.archive ?? (context.env["FASTCHAT_ARCHIVE"] || undefined);
      const given = argv.invite ?? (context.env["FASTCHAT_INVITE"] || undefined);
      let invite: string | undefined;
      await signIn(context, {
        name,
        again: false,
        prepare: async (service) => {
          invite = await inviteToRegister(service, given, { ...process, env: context.env });
        },
        password: () => choosePassword(name, { ...process, env: context.env }),
        begin: (client, ports, password) =>
          client.register(
            ports,
            {
              name,
              password,
              deviceLabel: argv.device,
              ...(archive === undefined ? {} : { archive }),
              ...(invite === undefined ? {} : { invite }),
            },
            context.clientOptions,
          ),
        meanwhile: "hashing the password and making keys; this takes some seconds…",
        done: `${name} is registered at`,
      });
    }),
};
