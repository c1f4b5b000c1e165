/** PostgreSQL for a run: two databases, reached through gates of the run's own. */
import { lendDatabases, type DatabaseUrls, type LentDatabases } from "../databases.js";
import { Gate } from "./gate.js";

export interface RunDatabases extends LentDatabases {
  /** With the gates' ports. */
  readonly urls: DatabaseUrls;
  readonly gates: readonly Gate[];
}

const DEFAULT_PORT = 5432;

/** As {@link lendDatabases}, with a gate in front of each. */
export async function openRunDatabases(
  database: string,
  archiveDatabase: string | undefined,
): Promise<RunDatabases> {
  const lent = await lendDatabases(database, archiveDatabase);
  const gates: Gate[] = [];
  const through = async (url: string): Promise<string> => {
    const address = new URL(url);
    const gate = await Gate.open({ host: address.hostname, port: Number(address.port || DEFAULT_PORT) });
    gates.push(gate);
    address.hostname = "127.0.0.1";
    address.port = String(gate.port);
    return address.href;
  };
  return {
    urls: { service: await through(lent.urls.service), archive: await through(lent.urls.archive) },
    gates,
    async close() {
      for (const gate of gates) gate.close();
      await lent.close();
    },
  };
}
