/** Entry of a chat server's thread. */
import { createLog } from "../../node/log.js";
import type { ChatThreadData } from "../entries.js";
import { threadDatabases } from "../thread-databases.js";
import { runThread } from "../thread.js";
import { startChatThread } from "./chat-thread.js";

/** One for the writer, the rest for mailboxes that open and catch up. */
const DATABASE_CONNECTIONS = 4;

await runThread<ChatThreadData>(async (data, say) => {
  const log = createLog(data.log, { thread: data.id });
  const database = threadDatabases(data.database, data.timeouts.databaseMs, log, say)(DATABASE_CONNECTIONS);
  try {
    const body = await startChatThread(data, database, log, say);
    return {
      ...body,
      async stop() {
        await body.stop();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
});
