/**
 * A gate: a TCP relay on loopback that one side connects to in place of the other. What passes stays as it is, TLS from
 * end to end; but the gate can cut, hold and slow what passes.
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export class Gate {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #refusing = false;
  #stalled = false;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      if (this.#refusing) {
        near.destroy();
        return;
      }
      const far = connect({ ...target, allowHalfOpen: true, noDelay: true });
      const pair = new Pair(near, far, () => this.#pairs.delete(pair));
      this.#pairs.add(pair);
      if (this.#stalled) pair.stall(true);
    });
  }

  static async open(target: { readonly host: string; readonly port: number }): Promise<Gate> {
    const gate = new Gate(target);
    gate.#server.listen(0, "127.0.0.1");
    await once(gate.#server, "listening");
    return gate;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /**
   * Cuts the connections that there are now.
   *
   * @param bytes that still pass each of them, either way; less if they do not come soon
   * @returns how many there were
   */
  cut(bytes: number): number {
    for (const pair of this.#pairs) pair.cutAfter(bytes);
    return this.#pairs.size;
  }

  /** Takes no new connection until told otherwise. */
  refuse(refusing: boolean): void {
    this.#refusing = refusing;
  }

  /**
   * Lets nothing pass the connections that there are now, and closes nothing until {@link drop}; new ones are as ever.
   *
   * @returns ends the connections that were held
   */
  hold(): { readonly held: number; readonly drop: () => void } {
    const held = [...this.#pairs];
    for (const pair of held) pair.hold();
    return {
      held: held.length,
      drop: () => {
        for (const pair of held) pair.destroy();
      },
    };
  }

  /** Whether the near side reads nothing of what the far side sends. */
  stall(stalled: boolean): void {
    this.#stalled = stalled;
    for (const pair of this.#pairs) pair.stall(stalled);
  }

  close(): void {
    this.#server.close();
    for (const pair of this.#pairs) pair.destroy();
  }
}

/** How long a cut waits for its bytes, in milliseconds. */
const CUT_MS = 1_000;

/** A connection to the gate, and the one that the gate made for it. */
class Pair {
  #budget = Infinity;
  #held = false;
  #stalled = false;
  #cutting: NodeJS.Timeout | undefined;

  constructor(
    private readonly near: Socket,
    private readonly far: Socket,
    onClose: () => void,
  ) {
    this.#pass(near, far);
    this.#pass(far, near);
    near.once("close", () => {
      clearTimeout(this.#cutting);
      onClose();
    });
  }

  cutAfter(bytes: number): void {
    this.#budget = Math.min(this.#budget, bytes);
    if (this.#budget === 0) this.destroy();
    else this.#cutting ??= setTimeout(() => this.destroy(), CUT_MS);
  }

  hold(): void {
    this.#held = true;
    this.near.pause();
    this.far.pause();
  }

  stall(stalled: boolean): void {
    this.#stalled = stalled;
    if (stalled) this.far.pause();
    else if (!this.#held) this.far.resume();
  }

  destroy(): void {
    this.near.destroy();
    this.far.destroy();
  }

  #pass(from: Socket, to: Socket): void {
    from.on("data", (chunk: Buffer) => {
      const passing = chunk.subarray(0, this.#budget);
      this.#budget -= passing.length;
      if (this.#budget === 0) {
        // What passes last leaves before the end does.
        to.write(passing, () => this.destroy());
        from.pause();
      } else if (!to.write(passing)) {
        from.pause();
        to.once("drain", () => this.#goOn(from));
      }
    });
    from.on("end", () => to.end());
    from.on("error", () => this.destroy());
    from.on("close", () => {
      // A held connection's other side is not told.
      if (!this.#held) to.destroySoon();
    });
  }

  #goOn(from: Socket): void {
    if (this.#held || (this.#stalled && from === this.far)) return;
    from.resume();
  }
}
