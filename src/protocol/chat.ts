/** Control messages between a client and a chat server (PROTOCOL.md, "Sessions"). The hot kinds stand in hot.ts. */
import Type, { type Static } from "#typebox";
import { controlCodec } from "./codec.js";
import {
  GroupAppend,
  GroupAppended,
  GroupChanged,
  GroupEpochs,
  GroupEvents,
  GroupHeads,
  GroupLog,
} from "./groups.js";
import { Binary, Counter, Host, Port, Ref, ServerIdSchema } from "./schema.js";

/** Spoken on the wire by this release; a hello that names another is refused with `badVersion`. */
export const PROTOCOL_VERSION = 1;

const ErrorCodeSchema = Type.String({ minLength: 1, maxLength: 40 });
const ErrorText = Type.String({ maxLength: 500 });

/** First message of a client: proves who it is by a ticket from the balancer. */
const Hello = Type.Object({
  type: Type.Literal("hello"),
  version: Type.Integer({ minimum: 0, maximum: 65535 }),
  ticket: Binary(1, 1024),
  /** Whether messages shall be delivered here; a session that only sends does not attach. */
  attach: Type.Boolean(),
});
/** Asks for delivery later in the same session. */
const Attach = Type.Object({ type: Type.Literal("attach") });
/** Heartbeat, from either side; answered with `pong` of the same number. */
const Ping = Type.Object({ type: Type.Literal("ping"), ref: Ref });
const Pong = Type.Object({ type: Type.Literal("pong"), ref: Ref });

export const ClientMessage = Type.Union([Hello, Attach, Ping, Pong, GroupLog, GroupAppend, GroupHeads]);
export type ClientMessage = Static<typeof ClientMessage>;

/** Reply to `hello`. */
const Welcome = Type.Object({
  type: Type.Literal("welcome"),
  server: ServerIdSchema,
  session: Ref,
  /** Either side is taken for dead when nothing came from it for this long, in milliseconds. */
  idleMs: Counter,
  maxFrameBytes: Counter,
  /** How many messages a client may have sent that are not accepted yet. */
  sendWindow: Counter,
  /** How many bytes their frames may have together; at least one frame of `maxFrameBytes`. */
  sendWindowBytes: Counter,
});
/** Push: everything that waited has been delivered; what follows is new. */
const Live = Type.Object({ type: Type.Literal("live") });
/** Push: the server ends the session and says why. The client sends everything unaccepted again in its next one. */
const Closing = Type.Object({ type: Type.Literal("closing"), code: ErrorCodeSchema, message: ErrorText });

/** Push: the session shall go on at another server, which takes this ticket. This one ends soon. */
const Move = Type.Object({
  type: Type.Literal("move"),
  server: ServerIdSchema,
  host: Host,
  port: Port,
  ticket: Binary(1, 1024),
});

/** Reply to a request that failed; nothing was done. */
const Refused = Type.Object({
  type: Type.Literal("refused"),
  ref: Ref,
  code: ErrorCodeSchema,
  message: ErrorText,
});

export const ServerMessage = Type.Union([
  Welcome,
  Live,
  Closing,
  Move,
  Ping,
  Pong,
  GroupEvents,
  GroupAppended,
  GroupEpochs,
  GroupChanged,
  Refused,
]);
export type ServerMessage = Static<typeof ServerMessage>;

export const clientMessages = controlCodec(ClientMessage);
export const serverMessages = controlCodec(ServerMessage);
