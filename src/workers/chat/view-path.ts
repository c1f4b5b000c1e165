/**
 * Where an account was at home on the way from one view that held to the next. Views that were prepared and given up
 * lie between: the home before them has given its mailboxes away for them, and may be the home after them again.
 */
import type { AccountId } from "../../protocol/ids.js";
import { homeOf, type View } from "../../protocol/view.js";

/** From the view that held, by those that were prepared since, to the one that holds now. */
export type ViewPath = readonly View[];

/** @param prepared views that this server prepared, in their order */
export function viewPath(before: View, prepared: readonly View[], view: View): ViewPath {
  return [before, ...prepared.filter(({ number }) => number > before.number && number < view.number), view];
}

/** Whether the account had another home, or another start of it, anywhere on the way: then its mailbox began anew. */
export function movedAlong(path: ViewPath, account: AccountId): boolean {
  const homes = new Set(path.map((view) => homeOf(view, account)?.incarnation));
  return homes.size > 1;
}
