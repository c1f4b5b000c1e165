/** Statuses of systems for the tests of operators' commands. */
import type { OperatorStatus, ServerStatus } from "../../src/protocol/operator.js";
import { serverId } from "../lb/loads.js";

const EVEN = { maxMinusMean: 0, jain: 1, cv: 0 };

/** Of chat-1, chat-2, …: the state of each, and how many are connected there. */
export function statusOf(...servers: readonly (readonly [ServerStatus["state"], number])[]): OperatorStatus {
  return {
    version: "1.0.0",
    strategy: "least-busy",
    parts: [{ id: "balancer", state: "running", trouble: null, restarts: 0 }],
    evenness: { connections: EVEN, messages: EVEN },
    servers: servers.map(([state, connections], index) => ({
      id: serverId(`chat-${index + 1}`),
      state,
      connections,
      placed: 0,
      messagesPerSecond: 0,
      bytesPerSecond: 0,
      loopDelayMs: 0,
      queued: 0,
      restarts: 0,
    })),
  };
}
