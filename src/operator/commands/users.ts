/** `fastchat-system users` */
import type { CommandModule } from "yargs";
import { printableJson } from "../../client/cli/printable.js";
import { OPERATOR_PATHS, Users, type UserStatus } from "../../protocol/operator.js";
import { runOperatorCommand, type OperatorArguments, type OperatorContext } from "../command.js";
import { drawUsers } from "../format-users.js";

interface UsersArguments extends OperatorArguments {
  readonly search: string | undefined;
}

export const usersCommand: CommandModule<OperatorArguments, UsersArguments> = {
  command: "users",
  describe: "List accounts: since when, devices, last seen, suspended or not",
  builder: (yargs) =>
    yargs
      .option("search", {
        type: "string",
        requiresArg: true,
        describe: "only those with this text in their name",
      })
      .epilogue(
        "With --json: name, since (null: made by an older release, which did not note it), devices, lastSeen (null: none is signed in), suspended.",
      ),
  handler: (argv) =>
    runOperatorCommand(argv, async (context) => {
      const { output } = context;
      let found = 0;
      for await (const page of pages(context, argv.search)) {
        found += page.length;
        if (output.json) for (const user of page) await output.line(printableJson(user));
        else if (page.length > 0) await output.line(drawUsers(page, output.paint));
      }
      if (found === 0 && !output.json) output.note("there are none.");
    }),
};

/** Each page is printed as it comes, so that any number of accounts takes the memory of one page. */
async function* pages(context: OperatorContext, search: string | undefined): AsyncGenerator<UserStatus[]> {
  const operator = await context.operator();
  for (let after: string | null | undefined; after !== null;) {
    const query = new URLSearchParams({
      ...(after === undefined ? {} : { after }),
      ...(search === undefined ? {} : { search }),
    });
    const { users, next } = await operator.ask(Users, "GET", `${OPERATOR_PATHS.users}?${query.toString()}`);
    yield users;
    after = next;
  }
}
