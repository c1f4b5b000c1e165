/** `fastchat verify NAME` */
import type { CommandModule } from "yargs";
import { FastChatError } from "../../../protocol/errors.js";
import { unlessAborted } from "../interrupt.js";
import { requireName } from "../name.js";
import { printableJson } from "../printable.js";
import { runCommand, withClient, type GlobalOptions } from "../session.js";

interface VerifyOptions extends GlobalOptions {
  readonly name: string;
}

const GROUPS_IN_A_LINE = 4;

export const verifyCommand: CommandModule<GlobalOptions, VerifyOptions> = {
  command: "verify <name>",
  describe: "Show the safety number of you and somebody else, to compare with theirs",
  builder: (yargs) =>
    yargs
      .positional("name", { type: "string", demandOption: true, describe: "Whose key to verify" })
      .example("$0 verify bob", "and `fastchat verify alice` at Bob's: the same 60 digits")
      .epilogue(
        "Compare the digits by a way that the service does not carry: in person, or by telephone. " +
          "If they differ, somebody reads and writes in between.",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output, interrupts } = context;
      const name = requireName(argv.name);
      const number = await withClient(context, (client) => {
        if (name === client.me.name) {
          throw new FastChatError("badRequest", `${name} is you; name somebody to verify.`);
        }
        return unlessAborted(client.safetyNumber(name), interrupts.signal);
      });
      const groups = number.replace(/\D/g, "").match(/\d{1,5}/g) ?? [];
      if (output.json) {
        await output.line(printableJson({ name, safetyNumber: groups.join(" ") }));
        return;
      }
      for (let i = 0; i < groups.length; i += GROUPS_IN_A_LINE) {
        await output.line(groups.slice(i, i + GROUPS_IN_A_LINE).join(" "));
      }
    }),
};
