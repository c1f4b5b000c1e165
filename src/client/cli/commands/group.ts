/** `fastchat group …` */
import type { Argv, ArgumentsCamelCase, CommandModule } from "yargs";
import { FastChatError } from "../../../protocol/errors.js";
import type { Client } from "../../core/client.js";
import type { GroupSummary } from "../../core/messages.js";
import { groupDetails, groupJson, groupLines } from "../format-groups.js";
import { unlessAborted } from "../interrupt.js";
import { requireName } from "../name.js";
import { wholeNumber } from "../numbers.js";
import { printableLine } from "../printable.js";
import { sayIfSlow } from "../progress.js";
import { runCommand, withClient, type CommandContext, type GlobalOptions } from "../session.js";

interface GroupOptions extends GlobalOptions {
  readonly group: string;
}
interface PeopleOptions extends GroupOptions {
  readonly names: readonly string[];
}

const MEMBER_ACTIONS = {
  add: "Add people; they get what is sent from then on",
  remove: "Remove people; they get nothing that is sent from then on",
  promote: "Make members admins",
  demote: "Make admins members like others",
} as const;
type MemberAction = keyof typeof MEMBER_ACTIONS;

export const groupCommand: CommandModule<GlobalOptions, GlobalOptions> = {
  command: "group",
  describe: "Make groups, and say who is in them",
  builder: (yargs) => {
    const all = withMemberActions(yargs)
      .command(createCommand)
      .command(renameCommand)
      .command(leaveCommand)
      .command(inviteCommand)
      .command(joinCommand)
      .command(listCommand)
      .command(infoCommand);
    return all
      .demandCommand(1, "What to do? fastchat group --help lists it.")
      .example("$0 group create Climbing bob carol", "a group of three, whose admin you are")
      .example("$0 send '#Climbing' on Sunday", "a message to all of them")
      .example("$0 group add '#Climbing' dave", "one more")
      .epilogue(
        "GROUP is # and the title, or the group's id; quote it, since a shell takes # for a comment. Titles are what its " +
          "admins call it: the service knows none. Only admins add, remove, promote, demote and rename; everybody may " +
          "leave. When the last admin leaves, whoever has been a member for longest becomes admin.",
      );
  },
  handler: () => undefined,
};

const createCommand: CommandModule<
  GlobalOptions,
  GlobalOptions & { title: string; names: string[] | undefined }
> = {
  command: "create <title> [names..]",
  describe: "Make a group of you and these people",
  builder: (yargs) =>
    yargs
      .positional("title", { type: "string", demandOption: true, describe: "What it is called" })
      .positional("names", { type: "string", array: true, describe: "Who is in it, besides you" }),
  handler: (argv) => {
    const names = (argv.names ?? []).map(requireName);
    return changing(argv, "making the group…", (client) =>
      client.groups.create(withoutMark(argv.title), names),
    );
  },
};

const renameCommand: CommandModule<GlobalOptions, GroupOptions & { title: string }> = {
  command: "rename <group> <title>",
  describe: "Call a group something else",
  builder: (yargs) =>
    groupOf(yargs).positional("title", {
      type: "string",
      demandOption: true,
      describe: "What it is called from now on",
    }),
  handler: (argv) =>
    changing(argv, "telling the members…", (client) =>
      client.groups.rename(argv.group, withoutMark(argv.title)),
    ),
};

const leaveCommand: CommandModule<GlobalOptions, GroupOptions> = {
  command: "leave <group>",
  describe: "Be a member no more; your history stays",
  builder: groupOf,
  handler: (argv) => changing(argv, "leaving the group…", (client) => client.groups.leave(argv.group)),
};

const inviteCommand: CommandModule<
  GlobalOptions,
  GroupOptions & { uses: number; days: number; revoke: boolean }
> = {
  command: "invite <group>",
  describe: "Print a link by which people come in",
  builder: (yargs) =>
    yargs
      .positional("group", {
        type: "string",
        demandOption: true,
        describe: "# and its title, or its id; with --revoke the link",
      })
      .option("uses", { type: "number", default: 10, requiresArg: true, describe: "How many may come by it" })
      .option("days", { type: "number", default: 7, requiresArg: true, describe: "How long it is good" })
      .option("revoke", { type: "boolean", default: false, describe: "Take a link back" })
      .epilogue(
        "Whoever has the link can come in, until it is used up, has ended or is revoked. They are let in when a client of " +
          "yours listens: fastchat listen, chat or pending. With --json: link.",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output, interrupts } = context;
      const uses = wholeNumber("--uses", argv.uses, 1);
      const days = wholeNumber("--days", argv.days, 1);
      await withClient(context, async (client) => {
        if (argv.revoke) {
          await unlessAborted(client.invites.revoke(argv.group), interrupts.signal);
          if (!output.json) output.note("the link lets nobody in any more.");
          return;
        }
        const making = sayIfSlow(output, "making the invite…", client.invites.make(argv.group, uses, days));
        const link = await unlessAborted(making, interrupts.signal);
        await output.line(output.json ? JSON.stringify({ link }) : link);
      });
    }),
};

const joinCommand: CommandModule<GlobalOptions, GlobalOptions & { link: string }> = {
  command: "join <link>",
  describe: "Ask to be let in by a link",
  builder: (yargs) =>
    yargs.positional("link", { type: "string", demandOption: true, describe: "As it was given to you" }),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output, interrupts } = context;
      await withClient(context, async (client) => {
        const asking = sayIfSlow(output, "asking to be let in…", client.invites.join(argv.link));
        const asked = await unlessAborted(asking, interrupts.signal);
        if (output.json) await output.line(JSON.stringify({ asked }));
        else
          output.note(`${printableLine(asked)} was asked; you are in once a client of theirs has seen it.`);
      });
    }),
};

const listCommand: CommandModule<GlobalOptions, GlobalOptions & { all: boolean }> = {
  command: "list",
  describe: "Your groups",
  builder: (yargs) =>
    yargs
      .option("all", { type: "boolean", default: false, describe: "Also those that you were in" })
      .epilogue("With --json: id, title, members (name, account, admin), changes, member, admin."),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      await withClient(context, async (client) => {
        const { output, interrupts } = context;
        const reading = sayIfSlow(
          output,
          "reading what your devices know of groups…",
          client.groups.list(argv.all),
        );
        const groups = await unlessAborted(reading, interrupts.signal);
        if (output.json) for (const group of groups) await output.line(groupJson(group));
        else for (const line of groupLines(groups, output.paint)) await output.line(line);
      });
    }),
};

const infoCommand: CommandModule<GlobalOptions, GroupOptions> = {
  command: "info <group>",
  describe: "Who is in a group, and its id",
  builder: groupOf,
  handler: (argv) =>
    runCommand(argv, async (context) => {
      await withClient(context, async (client) => {
        const { output, interrupts } = context;
        const asking = sayIfSlow(output, "asking for the group…", client.groups.info(argv.group));
        const group = await unlessAborted(asking, interrupts.signal);
        if (output.json) await output.line(groupJson(group));
        else for (const line of groupDetails(group, output.paint)) await output.line(line);
      });
    }),
};

function withMemberActions(yargs: Argv<GlobalOptions>): Argv<GlobalOptions> {
  for (const [action, describe] of Object.entries(MEMBER_ACTIONS) as [MemberAction, string][]) {
    const command: CommandModule<GlobalOptions, PeopleOptions> = {
      command: `${action} <group> <names..>`,
      describe,
      builder: (inner) =>
        groupOf(inner).positional("names", {
          type: "string",
          array: true,
          demandOption: true,
          describe: "Whom",
        }),
      handler: (argv) => {
        const names = argv.names.map(requireName);
        return changing(argv, "changing the group…", (client) =>
          client.groups.change(argv.group, action, names),
        );
      },
    };
    yargs.command(command);
  }
  return yargs;
}

function groupOf(yargs: Argv<GlobalOptions>): Argv<GroupOptions> {
  return yargs.positional("group", {
    type: "string",
    demandOption: true,
    describe: "# and its title, or its id",
  });
}

/** A command that changes a group, and answers with how it is then. */
function changing(
  argv: ArgumentsCamelCase<GlobalOptions>,
  waiting: string,
  change: (client: Client) => Promise<GroupSummary>,
): Promise<void> {
  return runCommand(argv, async (context: CommandContext) => {
    await withClient(context, async (client) => {
      const { output, interrupts } = context;
      const group = await unlessAborted(sayIfSlow(output, waiting, change(client)), interrupts.signal);
      if (output.json) await output.line(groupJson(group));
    });
  });
}

/** @throws FastChatError `badRequest` for nothing but the mark */
function withoutMark(title: string): string {
  const bare = title.replace(/^#/, "");
  if (bare === "") throw new FastChatError("badRequest", "A group needs a title.");
  return bare;
}
