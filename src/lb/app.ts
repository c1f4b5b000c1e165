/** The HTTPS server: what holds for every route. The routes themselves stand in routes.ts. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import swagger from "@fastify/swagger";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import {
  fastify,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchema,
} from "fastify";
import type { Config } from "../config.js";
import { toHex } from "../protocol/bytes.js";
import { FastChatError, type ErrorCode } from "../protocol/errors.js";
import type { Clock, Log, Random } from "../protocol/runtime.js";
import type { Listening } from "../protocol/threads.js";
import { isPassing } from "../store/database.js";
import { LINGER_MS } from "../node/tls-channel.js";
import { addDocsPage } from "./docs-page.js";
import { paceHandshakes } from "./handshakes.js";
import { httpFailure, noSuchRoute, type HttpFailure } from "./http-failure.js";
import type { RequestMetrics } from "./metrics/requests.js";
import { isOrder } from "./operator/order-log.js";
import { limitRates, type RateLimits } from "./rate-limits.js";
import { RELEASE } from "./release.js";
import { checkOf } from "./request-check.js";

export type App = FastifyInstance<
  Server,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export interface AppOptions {
  /** Certificate chain and private key, in PEM. */
  readonly tls: { readonly cert: string; readonly key: string };
  readonly limits: Config["limits"];
  readonly timeouts: Config["timeouts"];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Counts what is answered and what fails. */
  readonly metrics: Pick<RequestMetrics, "answered" | "failed">;
}

/**
 * For every answer; nothing here is meant for a cache or a frame. There is no Strict-Transport-Security: it would
 * bind everything else on the same host, too.
 */
const SECURITY_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
} as const;

/** How often timed-out connections are looked for. */
const CHECK_MS = 1000;
/** The longest parameter of a path: a name, with room for one that is told why it is none. */
const MAX_PARAM_LENGTH = 100;

export interface CreatedApp {
  readonly app: App;
  readonly rates: RateLimits;
  /** Cuts off every connection, whatever is under way there. */
  readonly disconnect: () => void;
}

/** Builds the server without any route of ours but the OpenAPI document. */
export async function createApp(options: AppOptions): Promise<CreatedApp> {
  const { tls, limits, timeouts, log, metrics } = options;
  /** Why a request failed, from its failure to its end. */
  const failures = new WeakMap<FastifyRequest, ErrorCode>();
  const fail = (request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply => {
    const failure = httpFailure(error);
    failures.set(request, failure.body.code);
    metrics.failed(failure.body.code);
    return answerFailure(log, request, reply, error, failure);
  };
  const app = fastify({
    https: {
      cert: tls.cert,
      key: tls.key,
      minVersion: "TLSv1.3",
      handshakeTimeout: timeouts.helloMs,
      headersTimeout: timeouts.helloMs,
      requestTimeout: timeouts.helloMs,
      connectionsCheckingInterval: CHECK_MS,
    },
    logger: false,
    // The request must be whole by then; a connection that says nothing is closed later.
    requestTimeout: timeouts.helloMs,
    connectionTimeout: timeouts.idleMs,
    keepAliveTimeout: timeouts.idleMs,
    bodyLimit: limits.httpBodyBytes,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    forceCloseConnections: "idle",
    return503OnClosing: false,
    genReqId: requestIds(options.random),
    clientErrorHandler: (error, socket) => refuseConnection(options, error, socket),
    frameworkErrors: (error, request, reply) => void fail(request, reply, error),
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = limits.connectionsPerServer;
  paceHandshakes(app.server);
  app.setValidatorCompiler(checkOf);
  app.setErrorHandler((error, request, reply) => fail(request, reply, error));
  app.addHook("onRequest", async (request, reply) => {
    addHeaders(request, reply);
  });
  app.addHook("onResponse", async (request, reply) => {
    if (!isOperators(request) || !isOrder(request, reply)) logResponse(log, request, reply);
    metrics.answered({
      method: request.method,
      route: request.routeOptions.url ?? null,
      status: reply.statusCode,
      ms: reply.elapsedTime,
      code: failures.get(request) ?? null,
    });
  });
  const rates = await limitRates(app, limits);
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (request) => {
    throw noSuchRoute(request.method, request.url.split("?")[0] ?? "");
  });
  await describeApi(app);
  return { app, rates, disconnect: disconnector(app.server) };
}

/** Node knows connections as HTTP's once their handshake is done; those before it would keep a closing server open. */
function disconnector(server: Server): () => void {
  const handshakes = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    handshakes.add(socket);
    socket.once("close", () => handshakes.delete(socket));
  });
  return () => {
    server.closeAllConnections();
    for (const socket of handshakes) socket.destroy();
  };
}

/** @throws FastChatError `portInUse`, or `badConfig` for a host that cannot be listened on */
export async function listen(app: App, host: string, port: number, log: Log): Promise<Listening> {
  try {
    await app.listen({ host, port, backlog: 4096 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EADDRINUSE") {
      throw new FastChatError("portInUse", `Port ${port} on ${host} is in use.`, undefined, { cause });
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FastChatError("badConfig", `Cannot listen on ${host}, port ${port}: ${reason}.`, undefined, {
      cause,
    });
  }
  // A connection that cannot be accepted, for want of file descriptors for one, is no reason to end.
  app.server.on("error", (error) => log.warn({ error }, "a connection could not be accepted"));
  const { address, port: bound } = app.server.address() as AddressInfo;
  return { host: address, port: bound };
}

async function describeApi(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "FastChat balancer",
        version: RELEASE,
        description:
          "Accounts, login and placement, and what operators ask for. Messages travel over the chat servers' own protocol.",
      },
      tags: [
        { name: "service", description: "For everybody" },
        { name: "operators", description: "For whoever holds the operator token" },
      ],
      components: {
        securitySchemes: {
          session: { type: "http", scheme: "bearer", description: "Session token, base64url" },
          operator: { type: "http", scheme: "bearer", description: "Operator token, base64url" },
        },
      },
    },
  });
  app.addHook("onRoute", ({ schema }) => {
    if (schema !== undefined && schema.tags === undefined) schema.tags = [tagOf(schema)];
  });
  app.get("/v1/openapi.json", { schema: { hide: true } }, () => app.swagger());
  await addDocsPage(app);
}

/** Whether a route is for operators shows by the token that it wants. */
function tagOf({ security }: FastifySchema): "service" | "operators" {
  return security?.some((scheme) => "operator" in scheme) ? "operators" : "service";
}

function isOperators({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.schema !== undefined && tagOf(routeOptions.schema) === "operators";
}

function addHeaders(request: FastifyRequest, reply: FastifyReply): void {
  void reply.headers({ ...SECURITY_HEADERS, "x-request-id": request.id });
}

/** Ids that do not repeat when the balancer is restarted, so that one finds one request in the log. */
function requestIds(random: Random): () => string {
  const start = toHex(random.bytes(4));
  let count = 0;
  return () => `${start}-${(++count).toString(36)}`;
}

function answerFailure(
  log: Log,
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
  { status, body, retryAfterSeconds, ours }: HttpFailure,
): FastifyReply {
  // A request that the router could not read comes here without passing any hook.
  addHeaders(request, reply);
  // How the database fares is told where that is watched, once and not at each request.
  if (ours) log[isPassing(error) ? "debug" : "error"]({ request: request.id, error }, "a request failed");
  if (retryAfterSeconds !== null) void reply.header("retry-after", retryAfterSeconds);
  if (body.code === "notSignedIn" || body.code === "notOperator")
    void reply.header("www-authenticate", "Bearer");
  return reply.code(status).send(body);
}

/** The route's pattern and not its address: whose card somebody asks for is nobody's business. */
function logResponse(log: Log, request: FastifyRequest, reply: FastifyReply): void {
  const fields = {
    request: request.id,
    method: request.method,
    route: request.routeOptions.url ?? null,
    status: reply.statusCode,
    ms: Math.round(reply.elapsedTime),
  };
  if (reply.statusCode < 400) log.debug(fields, "answered");
  else log.info({ ...fields, address: request.ip }, "refused");
}

/**
 * What cannot be read as HTTP is answered without it. The connection is gone soon after, whether or not its peer takes
 * the answer and closes its own side: who has used up the time would otherwise go on trickling for ever.
 */
function refuseConnection(
  { clock, metrics }: Pick<AppOptions, "clock" | "metrics">,
  error: NodeJS.ErrnoException,
  socket: Socket,
): void {
  // Behind a handshake that never ended nothing can be said, and Node leaves the connection open.
  if (error.code === "ERR_TLS_HANDSHAKE_TIMEOUT" || error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const linger = clock.after(LINGER_MS, () => socket.destroy());
  socket.once("close", () => linger.cancel());
  const { status, body } = httpFailure(connectionFailure(error.code));
  metrics.failed(body.code);
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}

function connectionFailure(code: string | undefined): FastChatError {
  if (code === "HPE_HEADER_OVERFLOW")
    return new FastChatError("tooLarge", "The request's header is too large.");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new FastChatError("timeout", "The request took too long to come.");
  return new FastChatError("badRequest", "This is not HTTP.");
}
