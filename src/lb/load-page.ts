/**
 * The load page (src/lb/page/): a few files, read once. They hold nothing secret and want no token; what the page then asks
 * for does.
 */
import { readFile } from "node:fs/promises";
import type { App } from "./app.js";

export const LOAD_PAGE_PATH = "/load";

/** In the package the page's files lie beside the compiled code, as they are: no build touches them. */
const FOLDER = new URL("../../../src/lb/page/", import.meta.url);

const TYPES = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
} as const;

const PAGE = "load.html";
const PARTS = [
  "load.css",
  "icon.svg",
  "load.js",
  "connection.js",
  "elements.js",
  "event-list.js",
  "format.js",
  "line-chart.js",
  "looks.js",
  "past.js",
  "server-table.js",
  "tiles.js",
] as const;

/** Its own files and nothing else; no script or style stands within the page. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export async function addLoadPage(app: App): Promise<void> {
  const files = [
    [LOAD_PAGE_PATH, PAGE] as const,
    ...PARTS.map((file) => [`${LOAD_PAGE_PATH}/${file}`, file] as const),
  ];
  for (const [path, file] of files) {
    const content = await readFile(new URL(file, FOLDER));
    const type = TYPES[file.slice(file.lastIndexOf(".") + 1) as keyof typeof TYPES];
    app.get(path, { schema: { hide: true } }, (_request, reply) =>
      reply.type(type).header("content-security-policy", CONTENT_SECURITY_POLICY).send(content),
    );
  }
}
