/**
 * What an unknown name is answered for its password cost.
 *
 * The cost stands in an account's record for good, while the configured one may change. If unknown names were all
 * answered the present cost, every other cost would give an account away. So an unknown name is answered the cost of
 * some account, the same each time it is asked, and each cost as often as accounts have it: seeing one says nothing
 * about whether the account exists.
 *
 * The choice is weighted rendezvous hashing (Schindler and Wang, 2005) keyed by the service's secret. As accounts of
 * a new cost come, a few unknown names move to that cost and to no other: as an account does whose password changes.
 */
import { createHmac } from "node:crypto";
import type { Stretching } from "../protocol/http.js";
import type { UserName } from "../protocol/ids.js";

const LABEL = "fastchat cost of unknown names v1";

export class PasswordCosts {
  readonly #accounts = new Map<string, { readonly stretching: Stretching; accounts: number }>();

  /**
   * @param configured the cost that new accounts get
   * @param secret known to the service alone, and lasting
   * @param found how many accounts have which cost
   */
  constructor(
    readonly configured: Stretching,
    private readonly secret: string,
    found: readonly { readonly stretching: Stretching; readonly accounts: number }[],
  ) {
    for (const { stretching, accounts } of found) this.#count(stretching, accounts);
    this.#count(configured, 0);
  }

  /** An account with the configured cost came. */
  registered(): void {
    this.#count(this.configured, 1);
  }

  /** The cost that `name` is answered if nobody has it. */
  ofUnknown(name: UserName): Stretching {
    let chosen = this.configured;
    let highest = -Infinity;
    for (const [text, { stretching, accounts }] of this.#accounts) {
      // Before the first account of a cost comes, it counts as one: a service without accounts has an answer too.
      const weight = Math.max(1, accounts) / -Math.log(this.#chance(name, text));
      if (weight > highest) {
        highest = weight;
        chosen = stretching;
      }
    }
    return chosen;
  }

  #count(stretching: Stretching, accounts: number): void {
    const { algorithm, iterations, memoryKiB, parallelism } = stretching;
    const text = [algorithm, iterations, memoryKiB, parallelism].join(" ");
    const known = this.#accounts.get(text);
    if (known === undefined) this.#accounts.set(text, { stretching, accounts });
    else known.accounts += accounts;
  }

  /** Between 0 and 1, both excluded. */
  #chance(name: UserName, cost: string): number {
    const hash = createHmac("sha256", this.secret).update(`${LABEL}\0${name}\0${cost}`).digest();
    return (hash.readUIntBE(0, 6) + 0.5) / 2 ** 48;
  }
}

/** Whether two costs are the same. */
export function sameCost(a: Stretching, b: Stretching): boolean {
  return (
    a.algorithm === b.algorithm &&
    a.iterations === b.iterations &&
    a.memoryKiB === b.memoryKiB &&
    a.parallelism === b.parallelism
  );
}
