/** Entry of the thread of an embedded database. */
import { systemClock } from "../../node/clock.js";
import { createLog } from "../../node/log.js";
import { errorRecord } from "../../protocol/errors.js";
import { StatementCount } from "../../protocol/statement-count.js";
import type { DatabaseThreadData } from "../entries.js";
import { runThread } from "../thread.js";
import { startEmbeddedDatabase } from "./embedded-database.js";

await runThread<DatabaseThreadData>(async (data, say) => {
  const log = createLog(data.log, { thread: `database-${data.name}` });
  const database = await startEmbeddedDatabase({
    folder: data.folder,
    socketDirectory: data.socketDirectory,
    limits: data.limits,
    timeouts: data.timeouts,
    clock: systemClock,
    log,
    statements: new StatementCount(data.statements),
    onFailure(error) {
      const record = errorRecord(error);
      // What a person can mend is said in a sentence; where in the code it came up is for defects.
      const told = record.code === "internal" ? { error } : { code: record.code, reason: record.message };
      log.error(told, "the embedded database has failed");
      say({ type: "failed", error: record });
      // Its memory is of no use any more; the supervisor starts a new thread, which repeats the log.
      process.exit(1);
    },
  });
  return {
    // Links and views are for others.
    onMessage: () => undefined,
    stop: () => database.stop(),
  };
});
