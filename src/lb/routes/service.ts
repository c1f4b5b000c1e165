/** What anyone may know before signing in. */
import { PROTOCOL_VERSION } from "../../protocol/chat.js";
import { HttpError, PATHS, ServiceInfo } from "../../protocol/http.js";
import type { App } from "../app.js";
import type { BalancerContext } from "../context.js";
import { RELEASE } from "../release.js";

export function service(app: App, { costs, registration }: BalancerContext): void {
  const schema = { summary: "About this service", response: { 200: ServiceInfo, default: HttpError } };
  app.get(PATHS.service, { schema }, () => ({
    protocol: PROTOCOL_VERSION,
    version: RELEASE,
    minimumStretching: costs.configured,
    registration,
  }));
}
