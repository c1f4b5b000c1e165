/** Every failure over HTTP has one form: a code of the error table, a sentence, and the status that the table gives. */
import { ERRORS, FastChatError, type ErrorCode } from "../protocol/errors.js";
import type { HttpError } from "../protocol/http.js";
import { StoreError } from "../store/database.js";

export interface HttpFailure {
  readonly status: number;
  readonly body: HttpError & { readonly code: ErrorCode };
  /** For the header `Retry-After`, in whole seconds (RFC 9110, section 10.2.3). */
  readonly retryAfterSeconds: number | null;
  /** Whether something is wrong with the service, which its log should explain. */
  readonly ours: boolean;
}

/** What a client should wait where a part of the service is away and nobody knows for how long. */
const RETRY_MS = 1000;

/** Sorts anything that was thrown. What is not ours to tell stays in the log. */
export function httpFailure(error: unknown): HttpFailure {
  if (error instanceof StoreError) {
    // Its text may name hosts, paths and constraints.
    if (error.kind !== "retry")
      return failure("internal", "Something unexpected went wrong.", undefined, true);
    if (error.code === "diskFull") return failure("diskFull", "The service's disk is full.", undefined, true);
    return failure("unavailable", "The database is away for a moment.", RETRY_MS, true);
  }
  if (error instanceof FastChatError) {
    const { code, retryAfterMs } = error;
    if (code === "internal") return failure(code, "Something unexpected went wrong.", undefined, true);
    const wait = retryAfterMs ?? (code === "unavailable" ? RETRY_MS : undefined);
    return failure(code, error.message, wait, code === "unavailable");
  }
  const { statusCode, code, validation, validationContext, message } = (error ?? {}) as FrameworkError;
  if (validation !== undefined) return invalid(validation, validationContext ?? "request");
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE")
    return failure("tooLarge", "The body of the request is too large.");
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return failure("badRequest", `The request cannot be read: ${message ?? "it is malformed"}`);
  }
  return failure("internal", "Something unexpected went wrong.", undefined, true);
}

export function noSuchRoute(method: string, path: string): FastChatError {
  return new FastChatError("badRequest", `There is no ${method} ${path.slice(0, 100)} here.`);
}

/** An error of fastify or of the schema check. */
interface FrameworkError {
  readonly statusCode?: number;
  readonly code?: string;
  readonly message?: string;
  readonly validation?: readonly { readonly instancePath?: string; readonly message?: string }[];
  /** `body`, `params`, `querystring` or `headers`. */
  readonly validationContext?: string;
}

function invalid(found: NonNullable<FrameworkError["validation"]>, where: string): HttpFailure {
  const [first] = found;
  const path = first?.instancePath ?? "";
  if (path === "/name") return failure("badName", ERRORS.badName.advice);
  return failure(
    "badRequest",
    `${where}${path.replaceAll("/", ".")} ${first?.message ?? "is not of its form"}.`,
  );
}

function failure(code: ErrorCode, message: string, retryAfterMs?: number, ours = false): HttpFailure {
  return {
    status: ERRORS[code].http,
    body: { code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    retryAfterSeconds: retryAfterMs === undefined ? null : Math.max(1, Math.ceil(retryAfterMs / 1000)),
    ours,
  };
}
