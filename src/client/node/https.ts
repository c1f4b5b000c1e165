/** JSON over HTTPS to the balancer, on kept-alive connections whose certificate was judged before anything was sent. */
import { Agent, request as httpsRequest } from "node:https";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { FastChatError, isErrorCode, type ErrorCode } from "../../protocol/errors.js";
import type { HttpClient } from "../core/ports.js";
import { serviceName, type ServiceTrust } from "./pin.js";
import { connectTls, reasonOf, unreachable, type ConnectOptions } from "./tls-connect.js";

export interface HttpsOptions extends ConnectOptions {
  /** For a whole request, its answer included. */
  readonly requestMs: number;
  /** The largest answer taken. */
  readonly maxReplyBytes: number;
}

/** An idle connection is closed after this long: sooner than servers do, so that no request meets a closing one. */
const IDLE_MS = 4000;
const MESSAGE_LENGTH = 500;

export class HttpsClient implements HttpClient {
  readonly #agent: TrustingAgent;

  constructor(
    private readonly trust: ServiceTrust,
    private readonly options: HttpsOptions,
  ) {
    this.#agent = new TrustingAgent(trust, options);
  }

  async request(
    method: "GET" | "POST" | "DELETE",
    path: string,
    body?: unknown,
    token?: string,
  ): Promise<unknown> {
    const { status, text } = await this.#exchange(method, path, body, token);
    if (status >= 200 && status < 300)
      return text === "" ? undefined : parseReply(text, serviceName(this.trust.address));
    throw failureOf(status, text);
  }

  /** Closes all connections; requests under way fail. */
  close(): void {
    this.#agent.destroy();
  }

  #exchange(
    method: string,
    path: string,
    body: unknown,
    token: string | undefined,
  ): Promise<{ status: number; text: string }> {
    const { address } = this.trust;
    const payload = body === undefined ? null : Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const request = httpsRequest({
        agent: this.#agent,
        host: address.host,
        port: address.port,
        method,
        path,
        headers: {
          accept: "application/json",
          ...(payload === null
            ? {}
            : { "content-type": "application/json", "content-length": payload.length }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
      });
      const timer = setTimeout(() => {
        fail(
          new FastChatError(
            "timeout",
            `${serviceName(address)} did not answer within ${this.options.requestMs} ms.`,
          ),
        );
      }, this.options.requestMs);
      const fail = (error: FastChatError): void => {
        clearTimeout(timer);
        reject(error);
        request.destroy();
      };
      request.on("error", (error: NodeJS.ErrnoException) => {
        fail(error instanceof FastChatError ? error : unreachable(address, reasonOf(error), error));
      });
      request.on("response", (response) => {
        readBody(response, this.options.maxReplyBytes).then(
          (text) => {
            clearTimeout(timer);
            resolve({ status: response.statusCode ?? 0, text });
          },
          (error: unknown) => {
            fail(
              error instanceof FastChatError ? error : unreachable(address, "it broke off its answer", error),
            );
          },
        );
      });
      request.end(payload ?? undefined);
    });
  }
}

/** An agent whose sockets were all judged; requests wait for that. */
class TrustingAgent extends Agent {
  readonly #closing = new AbortController();

  constructor(
    private readonly trust: ServiceTrust,
    private readonly connectOptions: ConnectOptions,
  ) {
    super({ keepAlive: true, timeout: IDLE_MS });
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    connectTls(this.trust.address, this.trust, this.connectOptions, this.#closing.signal).then(
      (socket) => callback?.(null, socket),
      // Node calls back with an error and no stream; its type does not say so.
      (error: unknown) => (callback as ((error: unknown) => void) | undefined)?.(error),
    );
  }

  override destroy(): void {
    this.#closing.abort();
    super.destroy();
  }
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new FastChatError("badFrame", `The service's answer is over ${maxBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseReply(text: string, service: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new FastChatError("badFrame", `The answer of ${service} is not JSON.`, undefined, { cause });
  }
}

/** The error of an answer, as far as its body is one of ours; what stands in it was written by the peer. */
function failureOf(status: number, text: string): FastChatError {
  let body: { code?: unknown; message?: unknown; retryAfterMs?: unknown } = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) body = parsed;
  } catch {
    // Not ours: a proxy's page, or another service's.
  }
  const message =
    typeof body.message === "string" && body.message !== ""
      ? body.message.slice(0, MESSAGE_LENGTH)
      : `The service answered with HTTP status ${status}.`;
  const { retryAfterMs } = body;
  const wait = typeof retryAfterMs === "number" && retryAfterMs >= 0 ? retryAfterMs : undefined;
  return new FastChatError(
    isErrorCode(body.code) ? body.code : codeOfStatus(status, body.code),
    message,
    wait,
  );
}

function codeOfStatus(status: number, code: unknown): ErrorCode {
  if (status === 429) return "tooMany";
  if (status === 413) return "tooLarge";
  if (status >= 502 && status <= 504) return "unavailable";
  // A code that is not in the table is a newer service's; none at all means that this is no FastChat service.
  return status >= 500 || typeof code === "string" ? "internal" : "badFrame";
}
