/** Who may ask what only operators may: whoever shows the token that stands in the data folder. */
import { timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { FastChatError } from "../../protocol/errors.js";
import { bearerToken, hashToken } from "../bearer.js";

/** In the OpenAPI document: this route wants the operator token. */
export const OPERATOR = [{ operator: [] }];

/**
 * A check for the hook `onRequest` of operators' routes, in front of everything that reads the request.
 *
 * @param tokenHash SHA-256 of the operator token, 32 bytes
 */
export function operatorGuard(tokenHash: Uint8Array): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    const token = bearerToken(request.headers.authorization);
    if (token === null || !timingSafeEqual(hashToken(token), tokenHash)) {
      throw new FastChatError("notOperator", "This is for operators of the service.");
    }
  };
}
