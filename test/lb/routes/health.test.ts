/** What load balancers and systemd ask: without a token, and without anything secret in the answer. */
import t from "tap";
import { StoreError, type Database } from "../../../src/store/database.js";
import { serviceMigrations } from "../../../src/store/migrations/service.js";
import { pgMemEngine } from "../../engines/pg-mem.js";
import { entry, report } from "../loads.js";
import { startService, type Service } from "../service.js";

const thread = { id: "archive", kind: "archive", duty: "serving", restarts: 0, trouble: null } as const;

function startArchive({ balancer }: Service): void {
  balancer.fleet.update([{ ...thread, life: "running" }]);
  balancer.setArchive({ host: "127.0.0.1", port: 7441 });
}

t.test("the process lives, whatever is missing", async (t) => {
  const service = await startService(t);
  t.match(await service.ask("GET", "/healthz"), { status: 200, text: '{"alive":true}' });
});

t.test("not ready says what is missing, ready says nothing more", async (t) => {
  const service = await startService(t);
  const ready = async () => {
    const { status, text } = await service.ask("GET", "/readyz");
    return { status, body: JSON.parse(text) as unknown };
  };
  t.same(await ready(), { status: 503, body: { ready: false, missing: ["archive", "servers"] } });
  startArchive(service);
  t.same(await ready(), { status: 503, body: { ready: false, missing: ["servers"] } });
  service.addServer(entry(1));
  t.same(await ready(), { status: 200, body: { ready: true, missing: [] } });
  service.balancer.fleet.update([{ ...thread, life: "resting" }]);
  t.same(await ready(), { status: 503, body: { ready: false, missing: ["archive"] } }, "it died");
  service.balancer.fleet.update([{ ...thread, life: "running" }]);
  t.same(await ready(), { status: 200, body: { ready: true, missing: [] } });
});

t.test("a server that is full cannot be chosen", async (t) => {
  const service = await startService(t, { limits: { connectionsPerServer: 2 } });
  startArchive(service);
  service.addServer(entry(1)).say({ type: "report", report: report({ connections: 2 }), busiest: [] });
  while ((await service.ask("GET", "/readyz")).status === 200) await new Promise(setImmediate);
  t.match(await service.ask("GET", "/readyz"), {
    status: 503,
    text: '{"ready":false,"missing":["servers"]}',
  });
});

t.test(
  "a database that does not answer is missing, is told without its words, and asked once a second",
  async (t) => {
    const { db, close } = await pgMemEngine.open(serviceMigrations);
    t.teardown(close);
    let asked = 0;
    let away = true;
    const watched: Database = {
      ...db,
      query: async (statement) => {
        if (statement.text !== "SELECT 1") return db.query(statement);
        asked++;
        if (away)
          throw new StoreError("retry", "ECONNREFUSED", undefined, "connect to db.secret.example refused");
        return { rows: [], rowCount: 1 };
      },
      transaction: (work) => db.transaction(work),
      batch: (statements) => db.batch(statements),
      close: () => db.close(),
    };
    const service = await startService(t, { db: watched });
    startArchive(service);
    service.addServer(entry(1));
    const told = { status: 503, text: '{"ready":false,"missing":["database"]}' };
    t.match(await service.ask("GET", "/readyz"), told);
    away = false;
    t.match(await service.ask("GET", "/readyz"), told, "the answer of before still counts");
    t.equal(asked, 1);
    service.clock.advance(1000);
    t.match(await service.ask("GET", "/readyz"), { status: 200 });
  },
);

t.test("whoever watches is not counted among those who ask too often", async (t) => {
  const service = await startService(t, { limits: { requestsPerMinutePerAddress: 2 } });
  for (let i = 0; i < 5; i++) t.equal((await service.ask("GET", "/healthz")).status, 200);
  t.equal((await service.ask("GET", "/v1/service")).status, 200);
});
