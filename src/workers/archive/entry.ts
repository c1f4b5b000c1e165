/** Entry of the archive's thread. */
import { createLog } from "../../node/log.js";
import { sqlArchive } from "../../store/sql-archive.js";
import { sqlFiles } from "../../store/sql-files.js";
import type { ArchiveThreadData } from "../entries.js";
import { threadDatabases } from "../thread-databases.js";
import { runThread } from "../thread.js";
import { startArchiveThread } from "./archive-thread.js";

/** For reading; appends have a connection of their own, and so never wait behind readers. */
const READING_CONNECTIONS = 4;

await runThread<ArchiveThreadData>(async (data, say) => {
  const log = createLog(data.log, { thread: "archive" });
  const database = threadDatabases(data.database, data.timeouts.databaseMs, log, say);
  const [reading, writing] = [database(READING_CONNECTIONS), database(1)];
  const close = () => Promise.all([reading.close(), writing.close()]);
  const appending = sqlArchive(writing);
  const archives = {
    ...sqlArchive(reading),
    append: (...call: Parameters<typeof appending.append>) => appending.append(...call),
  };
  try {
    const body = await startArchiveThread(data, { archives, files: sqlFiles(reading) }, log);
    return {
      ...body,
      async stop() {
        await body.stop();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
});
