/** Tells every other server of a group's new epoch, and waits until all that live know. */
import type { AccountId, ConversationId, ServerId } from "../../protocol/ids.js";
import type { LinkMessage } from "../../protocol/link.js";

export interface GroupNewsPorts {
  /** Servers that are linked to this one. */
  peers(): Iterable<ServerId>;
  send(to: ServerId, message: LinkMessage): void;
}

interface Telling {
  readonly missing: Set<ServerId>;
  readonly done: () => void;
}

export class GroupNews {
  readonly #telling = new Map<number, Telling>();
  #next = 1;

  constructor(private readonly ports: GroupNewsPorts) {}

  /**
   * @param accounts whose sessions are told, too
   * @returns once every other server has answered, or is gone
   */
  tell(group: ConversationId, epoch: number, accounts: readonly AccountId[]): Promise<void> {
    const missing = new Set(this.ports.peers());
    if (missing.size === 0) return Promise.resolve();
    const ref = this.#next;
    this.#next = this.#next === 0xffffffff ? 1 : this.#next + 1;
    return new Promise((resolve) => {
      this.#telling.set(ref, { missing, done: resolve });
      for (const peer of missing)
        this.ports.send(peer, { type: "groupChanged", ref, epoch, group, accounts });
    });
  }

  noted(from: ServerId, ref: number): void {
    this.#answered(ref, from);
  }

  /** A server is gone: the next start of it reads what holds by then. */
  peerGone(id: ServerId): void {
    for (const ref of [...this.#telling.keys()]) this.#answered(ref, id);
  }

  #answered(ref: number, peer: ServerId): void {
    const telling = this.#telling.get(ref);
    if (telling === undefined || !telling.missing.delete(peer) || telling.missing.size > 0) return;
    this.#telling.delete(ref);
    telling.done();
  }
}
