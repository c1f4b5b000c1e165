/** Where the archive is, for a device that wants to read its history and no place at a chat server. */
import { FastChatError } from "../../protocol/errors.js";
import { ArchiveAddress, HttpError, PATHS } from "../../protocol/http.js";
import type { App } from "../app.js";
import { BEARER, signedIn } from "../bearer.js";
import type { BalancerContext } from "../context.js";

export function archiveAddress(app: App, context: BalancerContext): void {
  const schema = {
    summary: "Ask where the archive is",
    security: BEARER,
    response: { 200: ArchiveAddress, default: HttpError },
  };
  app.get(PATHS.archive, { schema }, async (request): Promise<ArchiveAddress> => {
    await signedIn(context, request);
    return addressOf(context);
  });
}

/** @throws FastChatError `unavailable` until the archive has started */
export function addressOf({
  archive,
  publicHost,
}: Pick<BalancerContext, "archive" | "publicHost">): ArchiveAddress {
  const listening = archive();
  if (listening === null) throw new FastChatError("unavailable", "The archive has not started yet.");
  return { host: publicHost, port: listening.port };
}
