/** Shows messages one at a time, each once, whichever way it came: from the service, or from another device by the archive. */
import { toHex } from "../../protocol/bytes.js";
import type { ReceivedMessage } from "./messages.js";
import { RecentMap } from "./recent-map.js";

/** Messages that are remembered as shown. */
const REMEMBERED = 8_192;

export class Display {
  readonly #shown = new RecentMap<string, true>(REMEMBERED);
  #showing: Promise<void> = Promise.resolve();

  constructor(private readonly onMessage: (message: ReceivedMessage) => void | Promise<void>) {}

  /** Runs `show` behind what is being shown. */
  inTurn(show: () => void | Promise<void>): Promise<void> {
    const showing = this.#showing.then(show);
    this.#showing = showing.catch(() => undefined);
    return showing;
  }

  /**
   * Shows a message behind those that came before it.
   *
   * @param tag its entry's in the archive, 32 bytes
   * @returns once it is shown, here or before
   */
  show(tag: Uint8Array, message: ReceivedMessage): Promise<void> {
    const key = toHex(tag);
    if (this.#shown.get(key) === true) return this.#showing;
    this.#shown.set(key, true);
    return this.inTurn(() => this.onMessage(message));
  }
}
