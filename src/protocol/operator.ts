/**
 * What operators ask of the balancer over HTTPS (PROTOCOL.md, "Operators"): one schema for type, validation and OpenAPI.
 * All of it wants the operator token.
 */
import Type, { type Static } from "#typebox";
import { RegistrationMode } from "./http.js";
import { Counter, ServerIdSchema, UserNameSchema } from "./schema.js";

const Measure = Type.Number({ minimum: 0 });
const Time = Type.Integer({ minimum: 0, description: "milliseconds since 1970, by the balancer's clock" });

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

/** How evenly the servers that take people share something: src/lb/spread.ts has the formulas. */
export const Evenness = Type.Object({
  /** What the fullest has more than the average. */
  maxMinusMean: Measure,
  /** Jain's index: 1 where all have the same, 1/n where one of n has everything. */
  jain: Measure,
  /** Coefficient of variation: 0 where all have the same. */
  cv: Measure,
});
export type Evenness = Static<typeof Evenness>;

export const LoadEvenness = Type.Object({
  connections: Evenness,
  /** By messages a second, in and out. */
  messages: Evenness,
});
export type LoadEvenness = Static<typeof LoadEvenness>;

export const OperatorStatus = Type.Object({
  /** Release of FastChat. */
  version: Type.String(),
  /** Name of the placement strategy. */
  strategy: Type.String(),
  servers: Type.Array(ServerStatus),
  parts: Type.Array(PartStatus),
  evenness: LoadEvenness,
});
export type OperatorStatus = Static<typeof OperatorStatus>;

/** One moment of the recent past. */
export const LoadSample = Type.Object({
  at: Time,
  servers: Type.Array(
    Type.Pick(ServerStatus, [
      "id",
      "state",
      "connections",
      "messagesPerSecond",
      "bytesPerSecond",
      "loopDelayMs",
    ]),
  ),
  evenness: LoadEvenness,
});
export type LoadSample = Static<typeof LoadSample>;

/** Something that operators want to know of. */
export const LoadEvent = Type.Object({
  at: Time,
  kind: Type.Union([
    /** A thread ended unasked, or hung. */
    Type.Literal("died"),
    /** It serves again. */
    Type.Literal("returned"),
    Type.Literal("draining"),
    Type.Literal("resumed"),
    /** A chat server more. */
    Type.Literal("added"),
    /** A chat server fewer. */
    Type.Literal("removed"),
    /** Sessions were asked to go to another server. */
    Type.Literal("moved"),
    /** A thread goes on without something. */
    Type.Literal("trouble"),
    Type.Literal("recovered"),
  ]),
  thread: Type.String(),
  /** In words. */
  text: Type.String(),
});
export type LoadEvent = Static<typeof LoadEvent>;

export const LoadQuery = Type.Object({
  since: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: "`until` of the last answer; without it all that is remembered",
    }),
  ),
});
export type LoadQuery = Static<typeof LoadQuery>;

/** The recent past, oldest first. */
export const RecentLoad = Type.Object({
  /** Of the newest sample and event; less than what was asked for where the balancer's clock was set back. */
  until: Time,
  samples: Type.Array(LoadSample),
  events: Type.Array(LoadEvent),
});
export type RecentLoad = Static<typeof RecentLoad>;

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

const Day = Type.String({ pattern: "^\\d{4}-\\d\\d-\\d\\d$", description: "A day, in UTC" });
/** Accounts in one answer, at most. */
export const MOST_USERS = 500;

/** Which accounts: those behind a name in the order of names, so many, and with a text in their name. */
export const UsersQuery = Type.Object({
  after: Type.Optional(UserNameSchema),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_USERS })),
  search: Type.Optional(Type.String({ minLength: 1, maxLength: 32 })),
});
export type UsersQuery = Static<typeof UsersQuery>;

/** An account as operators see it. */
export const UserStatus = Type.Object({
  name: UserNameSchema,
  /** When it was made; null for one that an older release made, which did not note it. */
  since: Type.Union([Day, Type.Null()]),
  /** Devices that are signed in. */
  devices: Counter,
  /** When one of those devices was here last; null where none is signed in. */
  lastSeen: Type.Union([Day, Type.Null()]),
  suspended: Type.Boolean(),
});
export type UserStatus = Static<typeof UserStatus>;
export const Users = Type.Object({
  users: Type.Array(UserStatus),
  /** To be asked for as `after`; null where nobody comes behind. */
  next: Type.Union([UserNameSchema, Type.Null()]),
});
export type Users = Static<typeof Users>;

/** An account was suspended, or is no more; `changed`: it was not so before. */
export const Suspension = Type.Object({
  changed: Type.Boolean(),
  /** Devices whose sessions ended by it. */
  devices: Counter,
});
export type Suspension = Static<typeof Suspension>;

/** Limits of an invite. */
export const MOST_INVITE_USES = 10_000;
export const MOST_INVITE_DAYS = 366;

export const NewInvite = Type.Object({
  uses: Type.Integer({ minimum: 1, maximum: MOST_INVITE_USES, description: "Accounts that it lets in" }),
  days: Type.Integer({ minimum: 1, maximum: MOST_INVITE_DAYS, description: "How long it is good" }),
});
export type NewInvite = Static<typeof NewInvite>;

const InviteId = Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 });
/** An invite as it is listed: without its code, which the service does not keep. */
export const InviteStatus = Type.Object({
  id: InviteId,
  uses: Counter,
  usesLeft: Counter,
  /** Milliseconds since 1970. */
  madeAt: Counter,
  /** Milliseconds since 1970. */
  expiresAt: Counter,
});
export type InviteStatus = Static<typeof InviteStatus>;
/** The only time that the code is told. */
export const InviteMade = Type.Object({
  invite: InviteStatus,
  code: Type.String(),
  registration: RegistrationMode,
});
export type InviteMade = Static<typeof InviteMade>;
export const Invites = Type.Object({ invites: Type.Array(InviteStatus), registration: RegistrationMode });
export type Invites = Static<typeof Invites>;
export const InviteParam = Type.Object({ invite: InviteId });
export type InviteParam = Static<typeof InviteParam>;
/** How far a rebalancing has come that an operator asked for. */
export const Rebalancing = Type.Object({
  underWay: Type.Boolean(),
  /** Sessions on their way at this moment. */
  moving: Counter,
  /** Sessions that were told to move since it began. */
  moved: Counter,
  /** Sessions that have to move yet for connections to be even. */
  left: Counter,
});
export type Rebalancing = Static<typeof Rebalancing>;

/** Paths, in one place for server and client. */
export const OPERATOR_PATHS = {
  status: "/v1/operator/status",
  load: "/v1/operator/load",
  metrics: "/metrics",
  drain: (server: string) => `/v1/operator/servers/${encodeURIComponent(server)}/drain`,
  resume: (server: string) => `/v1/operator/servers/${encodeURIComponent(server)}/resume`,
  scale: "/v1/operator/scale",
  users: "/v1/operator/users",
  suspend: (name: string) => `/v1/operator/users/${encodeURIComponent(name)}/suspend`,
  lift: (name: string) => `/v1/operator/users/${encodeURIComponent(name)}/lift`,
  invites: "/v1/operator/invites",
  invite: (id: number) => `/v1/operator/invites/${id}`,
  rebalance: "/v1/operator/rebalance",
} as const;
