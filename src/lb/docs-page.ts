/** A page of the OpenAPI document, at `/docs`: for whoever writes a client. All of it is served from here. */
import swaggerUi from "@fastify/swagger-ui";
import type { App } from "./app.js";

export const DOCS_PATH = "/docs";

/** The page's own scripts and styles, and pictures within those; it asks this service only. */
const CONTENT_SECURITY_POLICY = {
  "default-src": "'none'",
  "script-src": "'self'",
  // The library writes attributes `style`.
  "style-src": "'self' 'unsafe-inline'",
  "img-src": "'self' data:",
  "connect-src": "'self'",
  "base-uri": "'none'",
  "form-action": "'none'",
  "frame-ancestors": "'none'",
};

export async function addDocsPage(app: App): Promise<void> {
  await app.register(swaggerUi, {
    routePrefix: DOCS_PATH,
    staticCSP: CONTENT_SECURITY_POLICY,
    theme: { title: "FastChat's API" },
    uiConfig: {
      // Without it the document would be sent to a validator somewhere on the network.
      validatorUrl: null,
      docExpansion: "list",
      tagsSorter: "alpha",
      persistAuthorization: false,
    },
  });
}
