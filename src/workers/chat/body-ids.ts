/**
 * Names for the bodies of messages. They grow, and so lie side by side in the database's indexes: it writes about twice as many
 * a second as under random ones.
 */
import { toHex } from "../../protocol/bytes.js";
import type { BodyId } from "../../protocol/ids.js";
import type { Random } from "../../protocol/runtime.js";

const MOST = 0xffffffff;

export class BodyIds {
  #prefix = "";
  #given = 0;

  constructor(private readonly random: Random) {}

  /** A number within this start of the server; the prefix is random, so that no two starts make the same id. */
  next(): BodyId {
    if (this.#prefix === "" || this.#given > MOST) {
      this.#prefix = toHex(this.random.bytes(12));
      this.#given = 0;
    }
    const id = this.#prefix + this.#given.toString(16).padStart(8, "0");
    this.#given++;
    return id as BodyId;
  }
}
