/** The databases before anybody uses them: where they are, and what is said of one that cannot serve. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import t, { type Test } from "tap";
import type { Log } from "../../src/protocol/runtime.js";
import { migrateDatabases, placeDatabases, type Databases } from "../../src/supervisor/databases.js";

const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

function at(service: string, archive: string): Databases {
  const place = (url: string) => ({ address: { kind: "url", url }, folder: null }) as const;
  return { service: place(service), archive: place(archive) };
}

t.test(
  "embedded databases have folders in the data folder, and sockets whose paths are short enough",
  async (t) => {
    const folder = await mkdtemp("/tmp/fastchat-test-");
    t.teardown(() => rm(folder, { recursive: true }));
    t.same(await placeDatabases({ database: null, archiveDatabase: null }, folder), {
      service: {
        address: { kind: "socket", directory: `${folder}/sockets/service` },
        folder: `${folder}/service`,
      },
      archive: {
        address: { kind: "socket", directory: `${folder}/sockets/archive` },
        folder: `${folder}/archive`,
      },
    });
  },
);

t.test("addresses of PostgreSQL servers are taken as they are", async (t) => {
  const urls = { database: "postgres://a/x", archiveDatabase: "postgres://a/y" };
  t.same(await placeDatabases(urls, "/nowhere"), at("postgres://a/x", "postgres://a/y"));
});

t.test("a server that is not there is named, without its password", async (t) => {
  const port = await closedPort();
  const url = `postgres://me:pw@127.0.0.1:${port}/x`;
  await t.rejects(migrateDatabases(at(url, url), 2000, SILENT), {
    code: "databaseUnreachable",
    message: `database (postgres://[redacted]@127.0.0.1:${port}/x) cannot be used: connect ECONNREFUSED 127.0.0.1:${port}.`,
  });
});

t.test("what does not speak as PostgreSQL does is not waited for for ever", async (t) => {
  const server = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n").destroySoon());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => void server.close());
  const { port } = server.address() as { port: number };
  const url = `postgres://127.0.0.1:${port}/x`;
  await t.rejects(migrateDatabases(at(url, url), 2000, SILENT), { code: "databaseUnreachable" });
});

const url = process.env["FASTCHAT_TEST_DATABASE_URL"];

t.test(
  "two addresses that lead to one database are refused",
  { skip: url === undefined || url === "" ? "FASTCHAT_TEST_DATABASE_URL names no PostgreSQL" : false },
  async (t: Test) => {
    const wanted = url ?? "";
    const other = `${wanted}${wanted.includes("?") ? "&" : "?"}application_name=other`;
    await t.rejects(migrateDatabases(at(wanted, other), 10_000, SILENT), {
      code: "badConfig",
      message: /lead to the same database/,
    });
  },
);

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
