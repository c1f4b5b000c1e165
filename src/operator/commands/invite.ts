/** `fastchat-system invite`, `invite list`, `invite revoke ID` */
import type { CommandModule } from "yargs";
import Type from "#typebox";
import { wholeNumber } from "../../client/cli/numbers.js";
import { printableJson } from "../../client/cli/printable.js";
import { formatAddress } from "../../protocol/address.js";
import { FastChatError } from "../../protocol/errors.js";
import type { RegistrationMode } from "../../protocol/http.js";
import {
  InviteMade,
  Invites,
  MOST_INVITE_DAYS,
  MOST_INVITE_USES,
  OPERATOR_PATHS,
  type InviteStatus,
} from "../../protocol/operator.js";
import { runOperatorCommand, type OperatorArguments, type OperatorContext } from "../command.js";
import { drawInvites } from "../format-users.js";

const ACTIONS = ["list", "revoke"] as const;

interface InviteArguments extends OperatorArguments {
  readonly action: (typeof ACTIONS)[number] | undefined;
  readonly id: string | undefined;
  readonly uses: number;
  readonly days: number;
}

export const inviteCommand: CommandModule<OperatorArguments, InviteArguments> = {
  command: "invite [action] [id]",
  describe: "Make an invite to sign up with; or list them, or revoke one",
  builder: (yargs) =>
    yargs
      .positional("action", { choices: ACTIONS, describe: "instead of making one" })
      .positional("id", { type: "string", describe: "with revoke: which one, as list shows it" })
      .option("uses", {
        type: "number",
        default: 1,
        requiresArg: true,
        describe: `accounts that it lets in, up to ${MOST_INVITE_USES}`,
      })
      .option("days", {
        type: "number",
        default: 7,
        requiresArg: true,
        describe: `how long it is good, up to ${MOST_INVITE_DAYS}`,
      })
      .example("$0 invite", "for one person, for a week")
      .example("$0 invite --uses 30 --days 1", "for a course")
      .example("$0 invite revoke 3", "nobody comes in by that one any more")
      .epilogue(
        "The code is shown this once: the service keeps its hash only. Invites are needed where the setting registration is invite. " +
          "With --json: id, uses, usesLeft, madeAt and expiresAt of each; of a new one also code, server and command.",
      ),
  handler: (argv) =>
    runOperatorCommand(argv, async (context) => {
      switch (argv.action) {
        case undefined:
          return make(context, {
            uses: wholeNumber("--uses", argv.uses, 1),
            days: wholeNumber("--days", argv.days, 1),
          });
        case "list":
          return list(context);
        case "revoke":
          return revoke(context, argv.id);
      }
    }),
};

async function make(context: OperatorContext, wanted: { uses: number; days: number }): Promise<void> {
  const { output } = context;
  const operator = await context.operator();
  const { invite, code, registration } = await operator.ask(
    InviteMade,
    "POST",
    OPERATOR_PATHS.invites,
    wanted,
  );
  const server = formatAddress(operator.address);
  const command = `fastchat register NAME --server '${server}' --invite ${code}`;
  if (output.json) {
    await output.line(printableJson({ ...told(invite), code, server, command }));
  } else {
    await output.line(code);
    await output.line(`  ${command}`);
    const times = invite.uses === 1 ? "once" : `${invite.uses} times`;
    output.note(
      `invite ${invite.id} is good ${times}, until ${told(invite).expiresAt}; its code is not shown again.`,
    );
  }
  noteMode(context, registration);
}

async function list(context: OperatorContext): Promise<void> {
  const { output } = context;
  const { invites, registration } = await (
    await context.operator()
  ).ask(Invites, "GET", OPERATOR_PATHS.invites);
  if (output.json) for (const invite of invites) await output.line(printableJson(told(invite)));
  else if (invites.length === 0) output.note("there are none.");
  else await output.line(drawInvites(invites, Date.now(), output.paint));
  noteMode(context, registration);
}

async function revoke(context: OperatorContext, typed: string | undefined): Promise<void> {
  if (typed === undefined || !/^[1-9]\d{0,9}$/.test(typed)) {
    throw new FastChatError("badRequest", "Which invite? fastchat-system invite list shows their numbers.");
  }
  const id = Number(typed);
  await (await context.operator()).ask(Type.Undefined(), "DELETE", OPERATOR_PATHS.invite(id));
  const { output } = context;
  await output.line(
    output.json ? printableJson({ id, revoked: true }) : `Invite ${id} lets nobody in any more.`,
  );
}

function noteMode({ output }: OperatorContext, registration: RegistrationMode): void {
  if (registration === "open")
    output.note("registration is open: anybody may sign up, with or without an invite.");
  if (registration === "closed")
    output.note("registration is closed: nobody may sign up, with or without an invite.");
}

/** With times that people and programs read alike. */
function told({ id, uses, usesLeft, madeAt, expiresAt }: InviteStatus) {
  return {
    id,
    uses,
    usesLeft,
    madeAt: new Date(madeAt).toISOString(),
    expiresAt: new Date(expiresAt).toISOString(),
  };
}
