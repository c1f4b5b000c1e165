/**
 * The way to mailboxes: which server is the home of an account in the present view (PROTOCOL.md, "Views and homes"), and whether
 * the link there has room.
 */
import type { AccountId, ServerId } from "../../protocol/ids.js";
import type { LinkMessage } from "../../protocol/link.js";
import { EMPTY_VIEW, homeOf, type View } from "../../protocol/view.js";
import type { Link } from "./link.js";
import { viewPath, type ViewPath } from "./view-path.js";

export class Router {
  #view: View = EMPTY_VIEW;
  /** Prepared since the view that holds, in order. */
  #prepared: View[] = [];

  /** @param send to a server, this one included */
  constructor(
    private readonly self: ServerId,
    private readonly link: Pick<Link, "full">,
    private readonly send: (to: ServerId, message: LinkMessage) => void,
  ) {}

  /** Number of the present view. */
  get view(): number {
    return this.#view.number;
  }

  prepare(view: View): void {
    this.#prepared.push(view);
  }

  /** @returns the way here from the view that held before; `null` for one that is not newer, and is passed over */
  activate(view: View): ViewPath | null {
    if (view.number <= this.#view.number) return null;
    const path = viewPath(this.#view, this.#prepared, view);
    this.#prepared = this.#prepared.filter(({ number }) => number > view.number);
    this.#view = view;
    return path;
  }

  /**
   * Sends to the home of an account; dropped where there is none.
   *
   * @returns whether the link there has room for more
   */
  toHome(account: AccountId, message: LinkMessage): boolean {
    const home = homeOf(this.#view, account);
    if (home !== null) this.send(home.id, message);
    return home === null || !this.isFull(home.id);
  }

  isHomeFull(account: AccountId): boolean {
    const home = homeOf(this.#view, account);
    return home !== null && this.isFull(home.id);
  }

  isFull(server: ServerId): boolean {
    return server !== this.self && this.link.full(server);
  }
}
