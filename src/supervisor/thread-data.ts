/** What each thread is started with: its part of the configuration, and no secret that it does not need. */
import { portsOf } from "../config-rules.js";
import type { Config } from "../config.js";
import { StatementCount } from "../protocol/statement-count.js";
import type { Incarnation } from "../protocol/ids.js";
import type {
  ArchiveThreadData,
  BalancerThreadData,
  ChatThreadData,
  DatabaseThreadData,
} from "../workers/entries.js";
import type { DatabasePlace, Databases } from "./databases.js";
import type { Secrets } from "./secrets.js";
import { serverId } from "./server-plans.js";
import type { ThreadPlan } from "./state.js";

const SERVICE_DATABASE = "database-service";
const ARCHIVE_DATABASE = "database-archive";

/** The threads of a system. */
export function threadPlans(config: Config): ThreadPlan[] {
  const ports = portsOf(config);
  const databases: ThreadPlan[] =
    config.database === null
      ? [SERVICE_DATABASE, ARCHIVE_DATABASE].map((id) => ({ kind: "database", id, port: 0 }))
      : [];
  return [
    ...ports.servers.map((port, index) => ({ kind: "chat" as const, id: serverId(index + 1), port })),
    { kind: "balancer", id: "balancer", port: ports.balancer },
    { kind: "archive", id: "archive", port: ports.archive },
    ...databases,
  ];
}

/** The `workerData` of a thread's start. */
export function threadData(
  plan: ThreadPlan,
  port: number,
  incarnation: Incarnation,
  config: Config,
  secrets: Secrets,
  databases: Databases,
): DatabaseThreadData | BalancerThreadData | ChatThreadData | ArchiveThreadData {
  const { log, limits, timeouts, host } = config;
  const common = { log, limits, timeouts };
  const { tls, grantPublicKey } = secrets;
  switch (plan.kind) {
    case "database": {
      const [name, place] =
        plan.id === SERVICE_DATABASE
          ? (["service", databases.service] as const)
          : (["archive", databases.archive] as const);
      return {
        ...common,
        name,
        folder: place.folder ?? "",
        socketDirectory: socketDirectory(place),
        statements: new StatementCount().shared,
      };
    }
    case "balancer":
      return {
        ...common,
        tls,
        database: databases.service.address,
        host,
        port,
        publicHost: config.publicHost ?? host,
        strategy: config.strategy,
        registration: config.registration,
        password: config.password,
        opaqueSetup: secrets.opaqueSetup,
        grantKey: secrets.grantKey,
        operatorTokenHash: secrets.operatorTokenHash,
      };
    case "chat":
      return {
        ...common,
        tls,
        database: databases.service.address,
        host,
        port,
        id: plan.id,
        incarnation,
        grantPublicKey,
      };
    case "archive":
      return { ...common, tls, database: databases.archive.address, host, port, grantPublicKey };
  }
}

function socketDirectory({ address }: DatabasePlace): string {
  return address.kind === "socket" ? address.directory : "";
}

/** The file that a kind of thread runs. */
export function entryOf({ kind }: ThreadPlan): URL {
  switch (kind) {
    case "database":
      return new URL("../workers/database/entry.js", import.meta.url);
    case "balancer":
      return new URL("../lb/entry.js", import.meta.url);
    case "archive":
      return new URL("../workers/archive/entry.js", import.meta.url);
    case "chat":
      return new URL("../workers/chat/entry.js", import.meta.url);
  }
}
