/**
 * What operators ask of the balancer over HTTPS (PROTOCOL.md, "Operators"): one schema for type, validation and OpenAPI.
 * All of it wants the operator token.
 */
import Type, { type Static } from "#typebox";
import { Counter, ServerIdSchema } from "./schema.js";

const Measure = Type.Number({ minimum: 0 });

/** A chat server as operators see it. */
export const ServerStatus = Type.Object({
  id: ServerIdSchema,
  state: Type.Union(
    [
      Type.Literal("serving"),
      Type.Literal("draining"),
      Type.Literal("retiring"),
      Type.Literal("starting"),
      Type.Literal("down"),
    ],
    {
      description: "draining: takes nobody new; retiring: ends once it is empty; down: will be started again",
    },
  ),
  /** Sessions connected now. */
  connections: Counter,
  /** Sent there, and not connected yet. */
  placed: Counter,
  /** Averages over the last seconds. */
  messagesPerSecond: Measure,
  bytesPerSecond: Measure,
  /** 99th percentile of the event loop's delay, in milliseconds. */
  loopDelayMs: Measure,
  /** Messages on their way, and writes that wait for the database. */
  queued: Counter,
  /** How often it was started again. */
  restarts: Counter,
});
export type ServerStatus = Static<typeof ServerStatus>;

/** Any other thread. */
export const PartStatus = Type.Object({
  id: Type.String(),
  state: Type.String({ description: "running, starting, resting (will be started again), …" }),
  /** What it goes on without: a code of the error table. */
  trouble: Type.Union([Type.String(), Type.Null()]),
  restarts: Counter,
});
export type PartStatus = Static<typeof PartStatus>;

export const OperatorStatus = Type.Object({
  /** Release of FastChat. */
  version: Type.String(),
  /** Name of the placement strategy. */
  strategy: Type.String(),
  servers: Type.Array(ServerStatus),
  parts: Type.Array(PartStatus),
});
export type OperatorStatus = Static<typeof OperatorStatus>;

export const ServerParam = Type.Object({ server: ServerIdSchema });
export type ServerParam = Static<typeof ServerParam>;

/** Chat servers of one system. */
export const MOST_SERVERS = 64;

/** So many chat servers from now on. */
export const Scale = Type.Object({ servers: Type.Integer({ minimum: 1, maximum: MOST_SERVERS }) });
export type Scale = Static<typeof Scale>;

/** The order was taken up; the status shows how far it has come. */
export const TakenUp = Type.Object({});
export type TakenUp = Static<typeof TakenUp>;

/** Paths, in one place for server and client. */
export const OPERATOR_PATHS = {
  status: "/v1/operator/status",
  drain: (server: string) => `/v1/operator/servers/${encodeURIComponent(server)}/drain`,
  resume: (server: string) => `/v1/operator/servers/${encodeURIComponent(server)}/resume`,
  scale: "/v1/operator/scale",
} as const;
