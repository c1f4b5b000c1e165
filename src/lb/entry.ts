/** Entry of the balancer's thread. */
import { availableParallelism } from "node:os";
import { monotonicClock, systemClock, systemRandom } from "../node/clock.js";
import { createLog } from "../node/log.js";
import type { ToThread } from "../protocol/threads.js";
import type { BalancerThreadData } from "../workers/entries.js";
import { threadDatabases } from "../workers/thread-databases.js";
import { runThread } from "../workers/thread.js";
import { createBalancer } from "./balancer.js";

/** For logins, sign-ups and the like. An embedded database takes connections in turns: a placement waits for one of each at most. */
const DATABASE_CONNECTIONS = 4;
/** For finding out who is asking. */
const SESSION_CONNECTIONS = 4;
/** More threads than this for OPAQUE would take the cores from the chat servers. */
const MOST_OPAQUE_THREADS = 4;

await runThread<BalancerThreadData>(async (data, say) => {
  const log = createLog(data.log, { thread: "balancer" });
  const open = threadDatabases(data.database, data.timeouts.databaseMs, log, say);
  const database = open(DATABASE_CONNECTIONS);
  const sessionDatabase = open(SESSION_CONNECTIONS);
  const closeDatabases = async (): Promise<void> => {
    await Promise.all([database.close(), sessionDatabase.close()]);
  };
  const balancer = await createBalancer({
    ...data,
    database,
    sessionDatabase,
    log,
    clock: systemClock,
    steadyClock: monotonicClock,
    random: systemRandom,
    askSupervisor: say,
    opaqueThreads: Math.min(MOST_OPAQUE_THREADS, availableParallelism()),
  }).catch(async (error: unknown) => {
    await closeDatabases();
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
          return balancer.fleet.update(message.threads, message.rebalancing);
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
      await closeDatabases();
    },
  };
});
