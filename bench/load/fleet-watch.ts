/** The system's servers as its operator sees them, several times a second, and the operator's hand. */
import {
  OPERATOR_PATHS,
  OperatorStatus,
  Rebalancing,
  TakenUp,
  type ServerStatus,
} from "../../src/protocol/operator.js";
import { openOperator, type Operator } from "../../src/operator/connection.js";
import { elapsed } from "../faults/host-messages.js";
import type { Act } from "./acts.js";

/** All servers at one moment. */
export interface FleetSample {
  /** Milliseconds from the beginning of the warm-up. */
  readonly at: number;
  readonly servers: readonly Pick<
    ServerStatus,
    "id" | "state" | "connections" | "placed" | "messagesPerSecond"
  >[];
}

/** How often they are looked at, in milliseconds. */
const EVERY_MS = 250;

export class FleetWatch {
  readonly samples: FleetSample[] = [];
  #ended = false;
  #looking: Promise<void> = Promise.resolve();

  private constructor(
    private readonly operator: Operator,
    private readonly start: number,
    private readonly onProblem: (text: string) => void,
  ) {}

  /**
   * @param data the system's data folder
   * @param start of the warm-up, as `elapsed()` tells time
   */
  static async open(data: string, start: number, onProblem: (text: string) => void): Promise<FleetWatch> {
    const watch = new FleetWatch(await openOperator({ data }), start, onProblem);
    watch.#looking = watch.#look();
    return watch;
  }

  /**
   * Gives an order.
   *
   * @throws FastChatError why it is refused
   */
  async order(act: Exclude<Act, { do: "kill" }>): Promise<void> {
    switch (act.do) {
      case "drain":
        await this.operator.ask(TakenUp, "POST", OPERATOR_PATHS.drain(act.server), {});
        return;
      case "resume":
        await this.operator.ask(TakenUp, "POST", OPERATOR_PATHS.resume(act.server), {});
        return;
      case "rebalance":
        await this.operator.ask(Rebalancing, "POST", OPERATOR_PATHS.rebalance, {});
        return;
      case "scale":
        await this.operator.ask(TakenUp, "POST", OPERATOR_PATHS.scale, { servers: act.servers });
        return;
    }
  }

  async close(): Promise<void> {
    this.#ended = true;
    await this.#looking;
    this.operator.close();
  }

  async #look(): Promise<void> {
    for (;;) {
      try {
        const { servers } = await this.operator.ask(OperatorStatus, "GET", OPERATOR_PATHS.status);
        this.samples.push({
          at: elapsed() - this.start,
          servers: servers.map(({ id, state, connections, placed, messagesPerSecond }) => ({
            id,
            state,
            connections,
            placed,
            messagesPerSecond,
          })),
        });
      } catch (error) {
        if (this.#ended) return;
        this.onProblem(`the balancer did not tell its state: ${String(error)}`);
      }
      if (this.#ended) return;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
}
