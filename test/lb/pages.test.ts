/** The pages: which files there are, under which headers, and that nobody gets at any other. */
import t from "tap";
import { startService } from "./service.js";

const service = await startService(t);

t.test("the load page comes whole, from here alone, and wants no token to be shown", async (t) => {
  const { status, headers, text } = await service.ask("GET", "/load");
  t.equal(status, 200);
  t.match(headers, {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
  });
  t.match(headers["content-security-policy"], "default-src 'none'; script-src 'self'; style-src 'self'");
  t.notMatch(headers["content-security-policy"], /unsafe|https?:|\*/);
  t.notMatch(
    text,
    /<script(?![^>]* src=)|<style|\son[a-z]+=|\sstyle=|https?:\/\//,
    "nothing stands in the page itself",
  );
  const parts = [...text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path as string);
  t.ok(parts.length >= 3);
  const types = { js: "text/javascript", css: "text/css", svg: "image/svg+xml" } as const;
  const seen = new Set<string>();
  for (let path = parts.pop(); path !== undefined; path = parts.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const part = await service.ask("GET", path);
    const type = types[path.slice(path.lastIndexOf(".") + 1) as keyof typeof types];
    t.equal(part.status, 200, path);
    t.match(part.headers["content-type"], type, path);
    t.match(part.headers["content-security-policy"], "default-src 'none'", path);
    for (const [, other] of part.text.matchAll(/from "\.\/([^"]+)"/g)) parts.push(`/load/${other}`);
  }
  t.ok(seen.size >= 10, [...seen].join(" "));
});

t.test("there is no way from the page's files to others", async (t) => {
  for (const path of [
    "/load/",
    "/load/tsconfig.json",
    "/load/load.html",
    "/load/../app.js",
    "/load/%2e%2e/app.js",
    "/load/..%2f..%2fpackage.json",
    "/docs/static/..%2f..%2fpackage.json",
    "/docs/static/../../package.json",
  ]) {
    const { status } = await service.ask("GET", path);
    t.ok(status >= 400, `${path}: ${status}`);
  }
});

t.test(
  "the page of the API's documents comes from here alone, under a policy for that path only",
  async (t) => {
    const { status, headers, text } = await service.ask("GET", "/docs/");
    t.equal(status, 200);
    t.match(headers, {
      "content-type": /^text\/html/,
      "x-frame-options": "DENY",
      "cache-control": "no-store",
    });
    t.match(
      headers["content-security-policy"],
      /default-src 'none';.*script-src 'self';.*connect-src 'self'/,
    );
    t.notMatch(headers["content-security-policy"], /script-src[^;]*unsafe/);
    t.notMatch(text, /(?:src|href)="(?:https?:)?\/\//);
    for (const [, path = ""] of text.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const part = await service.ask("GET", new URL(path, "https://host/docs/").pathname);
      t.equal(part.status, 200, path);
    }
    const elsewhere = await service.ask("GET", "/v1/service");
    t.equal(elsewhere.headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
  },
);
