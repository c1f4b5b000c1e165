/** The account's checkpoint of its archive: opaque here, and compared by its devices. */
import { fromBase64Url, toBase64Url } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import {
  CheckpointReplaced,
  HttpError,
  PATHS,
  ReplaceCheckpoint,
  ServiceCheckpoint,
} from "../../protocol/http.js";
import type { App } from "../app.js";
import { BEARER, signedIn } from "../bearer.js";
import type { BalancerContext } from "../context.js";

export function checkpoint(app: App, context: BalancerContext): void {
  const reading = {
    summary: "Read one's own checkpoint",
    security: BEARER,
    response: { 200: ServiceCheckpoint, default: HttpError },
  };
  app.get(PATHS.checkpoint, { schema: reading }, async (request): Promise<ServiceCheckpoint> => {
    const { account } = await signedIn(context, request);
    const sealed = await context.accounts.checkpoint(account);
    return { sealed: sealed === null ? null : toBase64Url(sealed) };
  });

  const replacing = {
    summary: "Replace one's own checkpoint",
    security: BEARER,
    body: ReplaceCheckpoint,
    response: { 200: CheckpointReplaced, default: HttpError },
  };
  app.post(PATHS.checkpoint, { schema: replacing }, async (request): Promise<CheckpointReplaced> => {
    const { account } = await signedIn(context, request);
    const { instead, sealed } = request.body;
    const replaced = await context.accounts.replaceCheckpoint(
      account,
      instead === null ? null : bytesOf(instead),
      bytesOf(sealed),
    );
    return { replaced };
  });
}

function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64Url(text);
  if (bytes === null) throw new FastChatError("badRequest", "A checkpoint is not base64url.");
  return bytes;
}
