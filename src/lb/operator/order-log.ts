/** Whatever an operator has the service do stands in its log. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { parseServerId } from "../../protocol/ids.js";
import type { Log } from "../../protocol/runtime.js";

/** A hook `onResponse`: logs every request that does more than look, whether or not it was taken up. */
export function logOrders(log: Log): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  return async (request, reply) => {
    // Who has shown no token is no operator, and is logged as anybody who is refused.
    if (request.method === "GET" || reply.statusCode === 401) return;
    // Of what was asked only what names a part of the system: other values may be secret, or name a person.
    const { server } = (request.params ?? {}) as { readonly server?: unknown };
    const { servers } = (request.body ?? {}) as { readonly servers?: unknown };
    log.info(
      {
        request: request.id,
        method: request.method,
        route: request.routeOptions.url ?? null,
        ...(typeof server === "string" && parseServerId(server) !== null ? { server } : {}),
        ...(typeof servers === "number" ? { servers } : {}),
        status: reply.statusCode,
        address: request.ip,
      },
      reply.statusCode < 400 ? "an operator's order" : "an operator's order was refused",
    );
  };
}
