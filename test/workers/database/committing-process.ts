// Commits rows over several connections and prints the number of each once it is acknowledged, until it is killed.
// Arguments: folder, folder of the socket, first number.
import { writeSync } from "node:fs";
import { Client } from "pg";
import { systemClock } from "../../../src/node/clock.js";
import { startEmbeddedDatabase } from "../../../src/workers/database/embedded-database.js";
import { limits, Lines, timeouts } from "./running-database.js";

const [folder = "", directory = "", first = "0"] = process.argv.slice(2);
await startEmbeddedDatabase({
  folder,
  socketDirectory: directory,
  limits,
  timeouts,
  clock: systemClock,
  log: new Lines(),
  onFailure(error) {
    throw error;
  },
});
let next = Number(first);
const setUp = await connected();
await setUp.query("CREATE TABLE IF NOT EXISTS kept (id int PRIMARY KEY, content bytea)");
await Promise.all([commit(setUp), commit(await connected()), commit(await connected())]);

async function connected(): Promise<Client> {
  const client = new Client({ host: directory, user: "postgres", database: "postgres" });
  await client.connect();
  return client;
}

async function commit(client: Client): Promise<never> {
  for (;;) {
    const id = next++;
    await client.query({
      name: "keep",
      text: "INSERT INTO kept VALUES ($1, $2)",
      values: [id, Buffer.alloc((id * 577) % 9000, id)],
    });
    writeSync(1, `${id}\n`);
  }
}
