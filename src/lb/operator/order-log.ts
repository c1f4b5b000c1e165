/** Whatever an operator has the service do stands in its log. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { parseServerId } from "../../protocol/ids.js";
import type { Log } from "../../protocol/runtime.js";

/** What a route has to say of an order besides, by its request. */
const notes = new WeakMap<FastifyRequest, Readonly<Record<string, unknown>>>();

/** Stands in the order's line of the log: what it concerned, as far as operators are to find it there. */
export function noteOrder(request: FastifyRequest, fields: Readonly<Record<string, unknown>>): void {
  notes.set(request, fields);
}

/** Whether a request of an operator's route is logged as an order, and so not among all that were answered or refused. */
export function isOrder({ method }: FastifyRequest, { statusCode }: FastifyReply): boolean {
  // Who has shown no token, or asks too often to be asked for it, is no operator, and is logged as anybody who is refused.
  return method !== "GET" && statusCode !== 401 && statusCode !== 429;
}

/** A hook `onResponse`: logs every request that does more than look, whether or not it was taken up. */
export function logOrders(log: Log): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  return async (request, reply) => {
    if (!isOrder(request, reply)) return;
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
        ...notes.get(request),
        status: reply.statusCode,
        address: request.ip,
      },
      reply.statusCode < 400 ? "an operator's order" : "an operator's order was refused",
    );
  };
}
