/** The archive in a simulated thread; src/workers/archive/archive-thread.ts starts it in a real one. */
import type { Config } from "../../src/config.js";
import type { Log } from "../../src/protocol/runtime.js";
import type { ArchiveStore } from "../../src/store/archive.js";
import { createArchiveServer } from "../../src/workers/archive/archive-server.js";
import type { Grants } from "./grants.js";
import type { Listener, Network } from "./network.js";
import type { Body } from "./supervisor.js";
import type { SimulatedThread } from "./thread.js";

export interface ArchiveThreadOptions {
  readonly port: number;
  readonly thread: SimulatedThread;
  readonly limits: Config["limits"];
  readonly timeouts: Config["timeouts"];
  readonly store: ArchiveStore;
  readonly grants: Grants;
  readonly network: Network;
  readonly log: Log;
}

export function startArchive(options: ArchiveThreadOptions): Body {
  const { port, thread, limits, timeouts, store, grants, network, log } = options;
  const server = createArchiveServer({
    store,
    limits,
    timeouts,
    clock: thread.clock,
    timeOfDay: () => thread.clock.now(),
    log,
    verifySignature: (label, claims, signature) => grants.verify(label, claims, signature),
    soon: thread.soon,
  });
  const listener: Listener = {
    kind: "frames",
    thread,
    bufferBytes: limits.socketBufferBytes,
    accept: (channel) => server.accept(channel),
  };
  return {
    listening: network.listen(port, listener),
    onMessage() {
      // Chat servers, views and balancer are nothing to the archive.
    },
    async stop() {
      network.close(listener);
      await server.stop();
    },
  };
}
