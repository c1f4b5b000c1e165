/** Entry of the thread that makes a new database in an empty folder, and answers `null` or why it could not. */
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { FastChatError } from "../../protocol/errors.js";
import { DurableFiles } from "./durable-files.js";

const folder = String(workerData);
let refused = "";

try {
  const files = new DurableFiles(folder, {
    onRefused(code) {
      if (code === "ENOSPC" || code === "EDQUOT") refused = code;
    },
  });
  const pg = await PGlite.create({ fs: files });
  // One database is used. The templates of others would cost space, a thousand fsyncs after each crash, and, since
  // nothing ever vacuums them, transaction numbers in the end.
  await pg.exec("UPDATE pg_database SET datistemplate = false WHERE datname <> 'postgres'");
  await pg.exec("DROP DATABASE template0");
  await pg.exec("DROP DATABASE template1");
  await pg.exec("CHECKPOINT");
  await pg.close();
  parentPort?.postMessage(null);
} catch (cause) {
  const error = refused
    ? new FastChatError("diskFull", `There is no space left for the database in ${folder}.`)
    : new FastChatError("internal", `The database in ${folder} could not be made: ${String(cause)}`);
  parentPort?.postMessage(error.toRecord());
}
