/** Entry of the balancer's thread. */
import { availableParallelism } from "node:os";
import { monotonicClock, systemClock, systemRandom } from "../node/clock.js";
import { createLog } from "../node/log.js";
import type { ToThread } from "../protocol/threads.js";
import type { BalancerThreadData } from "../workers/entries.js";
import { threadDatabases } from "../workers/thread-databases.js";
import { runThread } from "../workers/thread.js";
import { createBalancer } from "./balancer.js";

/** Enough for logins and placements at once; an embedded database answers one at a time anyway. */
const DATABASE_CONNECTIONS = 8;
/** More threads than this for OPAQUE would take the cores from the chat servers. */
const MOST_OPAQUE_THREADS = 4;

await runThread<BalancerThreadData>(async (data, say) => {
  const log = createLog(data.log, { thread: "balancer" });
  const database = threadDatabases(data.database, data.timeouts.databaseMs, log, say)(DATABASE_CONNECTIONS);
  const balancer = await createBalancer({
    ...data,
    database,
    log,
    clock: systemClock,
    steadyClock: monotonicClock,
    random: systemRandom,
    askSupervisor: say,
    opaqueThreads: Math.min(MOST_OPAQUE_THREADS, availableParallelism()),
  }).catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  return {
    listening: balancer.listening,
    onMessage(message: ToThread) {
      switch (message.type) {
        case "server":
          return balancer.addServer(message.server, message.port);
        case "serverGone":
          return balancer.removeServer(message.id, message.incarnation);
        case "archive":
          return balancer.setArchive(message.listening);
        case "fleet":
          return balancer.fleet.update(message.threads);
        case "ordered":
          return balancer.fleet.ordered(message.ref, message.error);
        case "ping":
        case "stop":
        case "link":
        case "unlink":
        case "balancer":
        case "prepare":
        case "activate":
          // The first two are dealt with before; the others are for chat servers.
          return;
      }
    },
    async stop() {
      await balancer.close();
      await database.close();
    },
  };
});
