/**
 * What whoever watches over the process asks: a load balancer, systemd, an orchestrator. Without a token, and so without
 * anything that is nobody's business.
 */
import Type, { type Static } from "#typebox";
import type { Clock } from "../../protocol/runtime.js";
import type { Database } from "../../store/database.js";
import type { App } from "../app.js";

export const HEALTH_PATHS = { alive: "/healthz", ready: "/readyz" } as const;

const Alive = Type.Object({ alive: Type.Literal(true) });

const PARTS = ["database", "archive", "servers"] as const;
const Readiness = Type.Object({
  ready: Type.Boolean(),
  /** What keeps it from serving: the database does not answer, the archive or every chat server is away. */
  missing: Type.Array(
    Type.Union([Type.Literal("database"), Type.Literal("archive"), Type.Literal("servers")]),
  ),
});
type Readiness = Static<typeof Readiness>;

export interface HealthSources {
  readonly database: Database;
  readonly clock: Clock;
  /** Whether the archive runs and has said where it listens. */
  hasArchive(): boolean;
  /** Whether some chat server can be chosen. */
  hasServers(): boolean;
}

/** An answer of the database counts for so long, in milliseconds: who asks more often costs it nothing. */
const FRESH_MS = 1000;
/** How long the database may take, in milliseconds. */
const PATIENCE_MS = 2000;
/** Neither route costs anything, and whoever watches shall not be locked out by a flood from its own address. */
const UNCOUNTED = { config: { rateLimit: false } } as const;

export function health(app: App, sources: HealthSources): void {
  const databaseAnswers = databaseProbe(sources);
  const alive = { summary: "Whether the process lives", response: { 200: Alive } };
  app.get(HEALTH_PATHS.alive, { schema: alive, ...UNCOUNTED }, (): Static<typeof Alive> => ({ alive: true }));

  const ready = {
    summary: "Whether people can be served",
    response: { 200: Readiness, 503: Readiness },
  };
  app.get(
    HEALTH_PATHS.ready,
    { schema: ready, ...UNCOUNTED },
    async (_request, reply): Promise<Readiness> => {
      const has = {
        database: await databaseAnswers(),
        archive: sources.hasArchive(),
        servers: sources.hasServers(),
      };
      const missing = PARTS.filter((part) => !has[part]);
      void reply.code(missing.length === 0 ? 200 : 503);
      return { ready: missing.length === 0, missing };
    },
  );
}

/** Asks the database, one question in {@link FRESH_MS} for all who wait. */
function databaseProbe({ database, clock }: HealthSources): () => Promise<boolean> {
  let asked: { readonly at: number; readonly answer: Promise<boolean> } | null = null;
  return () => {
    const now = clock.now();
    if (asked === null || now - asked.at >= FRESH_MS) {
      const answer = database.query({ text: "SELECT 1", timeoutMs: PATIENCE_MS }).then(
        () => true,
        () => false,
      );
      asked = { at: now, answer };
    }
    return asked.answer;
  };
}
