/** Who has an account, page by page. */
import { HttpError } from "../../../protocol/http.js";
import { MOST_USERS, OPERATOR_PATHS, Users, UsersQuery } from "../../../protocol/operator.js";
import type { App } from "../../app.js";
import type { AccountsContext } from "../accounts-context.js";
import { OPERATOR } from "../guard.js";

export function users(app: App, context: AccountsContext): void {
  const schema = {
    summary: "List accounts in the order of their names",
    security: OPERATOR,
    querystring: UsersQuery,
    response: { 200: Users, default: HttpError },
  };
  app.get(OPERATOR_PATHS.users, { schema }, async ({ query }): Promise<Users> => {
    const { after = null, limit = MOST_USERS, search = "" } = query;
    // One more than asked for tells whether somebody comes behind.
    const found = await context.users.page({ after, limit: limit + 1, search: search.toLowerCase() });
    const page = found.slice(0, limit);
    return { users: page, next: found.length > limit ? (page.at(-1)?.name ?? null) : null };
  });
}
