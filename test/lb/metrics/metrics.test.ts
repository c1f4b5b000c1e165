/** What Prometheus scrapes: its form, its names, and that it counts what happens. */
import t from "tap";
import { toBase64Url } from "../../../src/protocol/bytes.js";
import { ERRORS } from "../../../src/protocol/errors.js";
import { PATHS } from "../../../src/protocol/http.js";
import { OPERATOR_PATHS } from "../../../src/protocol/operator.js";
import { ACCEPT_BOUNDS_MS, type ThreadStatus } from "../../../src/protocol/threads.js";
import { entry, report, serverId } from "../loads.js";
import { OPERATOR_TOKEN, logIn, signUp, startService, type Service } from "../service.js";
import { readExposition, type Family } from "./exposition.js";

const token = toBase64Url(OPERATOR_TOKEN);
const UNITS = /_(seconds|bytes|ratio)$/;
/** What is counted has no unit; what a gauge counts is named in the plural. */
const PLURALS = /(connections|messages|mailboxes|writes|fds)$/;
/** By convention a gauge that is 1 or 0, or holds nothing but its labels. */
const FLAGS = /_(info|up|trouble)$/;

async function scrape(service: Service): Promise<Map<string, Family>> {
  const { status, headers, text } = await service.ask("GET", OPERATOR_PATHS.metrics, { token });
  if (status !== 200) throw new Error(text);
  if (headers["content-type"] !== "text/plain; version=0.0.4; charset=utf-8") {
    throw new Error(String(headers["content-type"]));
  }
  return readExposition(text);
}

async function valueOf(
  service: Service,
  name: string,
  labels: Record<string, string>,
): Promise<number | undefined> {
  const samples = (await scrape(service)).get(name)?.samples ?? [];
  return samples.find((sample) =>
    Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  )?.value;
}

/** Chat servers report over ports: what they say arrives some turns later. */
async function reported(
  service: Service,
  name: string,
  labels: Record<string, string>,
  value: number,
): Promise<void> {
  while ((await valueOf(service, name, labels)) !== value) await new Promise(setImmediate);
}

function thread(id: string, over: Partial<ThreadStatus> = {}): ThreadStatus {
  return { id, kind: "chat", life: "running", duty: "serving", restarts: 0, trouble: null, ...over };
}

t.test("every metric is named by convention, with a help, a unit and labels of bounded values", async (t) => {
  const service = await startService(t);
  await signUp(service, "alice");
  await logIn(service, "alice");
  await service.ask("GET", "/somewhere/else");
  service.balancer.fleet.update([thread("chat-1", { trouble: "diskFull" })]);
  const line = service.addServer(entry(1));
  line.say({ type: "report", report: report({ messagesIn: 1, ended: { timeout: 1 } }), busiest: [] });
  await reported(service, "fastchat_received_messages_total", { server: "chat-1" }, 1);
  const families = await scrape(service);
  t.ok(families.size > 25);
  for (const { name, help, type, samples } of families.values()) {
    t.match(name, /^fastchat_[a-z0-9_]+$/, name);
    t.match(help, /^[A-Z0-9].{10,}\.$/, `${name}: ${help}`);
    if (type === "counter") t.match(name, /_total$/, name);
    else t.notMatch(name, /_total$/, name);
    if (type === "histogram") t.match(name, /_seconds$/, name);
    if (type === "gauge")
      t.ok(
        [UNITS, PLURALS, FLAGS].some((form) => form.test(name)),
        name,
      );
    t.notMatch(name, /milli|_ms\b|minute|percent|kilo|_kb/i, name);
    for (const { labels } of samples) {
      t.notMatch(Object.values(labels).join(" "), /alice|somewhere/, name);
      const { code, outcome } = labels;
      if (code !== undefined) t.ok(code in ERRORS, code);
      if (outcome !== undefined) t.ok(outcome === "success" || outcome in ERRORS, outcome);
    }
  }
});

t.test("only operators are told", async (t) => {
  const service = await startService(t);
  t.match(await service.ask("GET", OPERATOR_PATHS.metrics), { status: 401, body: { code: "notOperator" } });
});

t.test("what servers report adds up, and goes on when a server is started again", async (t) => {
  const service = await startService(t);
  service.balancer.fleet.update([thread("chat-1")]);
  const counts = ACCEPT_BOUNDS_MS.map(() => 0);
  const first = service.addServer(entry(1, 1));
  const spoke = report({
    connections: 7,
    messagesIn: 5,
    bytesIn: 500,
    messagesOut: 4,
    bytesOut: 400,
    loopDelayP99Ms: 20,
    ended: { timeout: 2 },
    accepted: { counts: [4, ...counts.slice(1), 1], sumMs: 12_000 },
  });
  first.say({ type: "report", report: spoke, busiest: [] });
  await reported(service, "fastchat_received_messages_total", { server: "chat-1" }, 5);
  const again = service.addServer(entry(1, 2));
  again.say({ type: "report", report: spoke, busiest: [] });
  await reported(service, "fastchat_received_messages_total", { server: "chat-1" }, 10);
  const server = "chat-1";
  t.equal(await valueOf(service, "fastchat_received_bytes_total", { server }), 1000);
  t.equal(await valueOf(service, "fastchat_delivered_messages_total", { server }), 8);
  t.equal(await valueOf(service, "fastchat_delivered_bytes_total", { server }), 800);
  t.equal(await valueOf(service, "fastchat_ended_connections_total", { server, code: "timeout" }), 4);
  t.equal(await valueOf(service, "fastchat_connections", { server }), 7);
  t.equal(await valueOf(service, "fastchat_event_loop_delay_p99_seconds", { server }), 0.02);
  const accepted = (await scrape(service)).get("fastchat_accept_duration_seconds")?.samples ?? [];
  t.equal(accepted.find(({ labels }) => labels["le"] === "0.001")?.value, 8);
  t.equal(accepted.find(({ labels }) => labels["le"] === "+Inf")?.value, 10);
  t.equal(accepted.find(({ name }) => name.endsWith("_sum"))?.value, 24);
});

t.test(
  "a server that is gone for good takes its figures along, one that is away only those of now",
  async (t) => {
    const service = await startService(t);
    service.balancer.fleet.update([thread("chat-1"), thread("chat-2")]);
    for (const number of [1, 2]) {
      service
        .addServer(entry(number))
        .say({ type: "report", report: report({ connections: 3, messagesIn: 5 }), busiest: [] });
      await reported(service, "fastchat_received_messages_total", { server: `chat-${number}` }, 5);
    }
    service.balancer.removeServer(serverId("chat-2"), entry(2).incarnation);
    service.balancer.fleet.update([thread("chat-1"), thread("chat-2", { life: "resting" })]);
    t.equal(await valueOf(service, "fastchat_connections", { server: "chat-2" }), undefined);
    t.equal(await valueOf(service, "fastchat_thread_up", { thread: "chat-2" }), 0);
    t.equal(await valueOf(service, "fastchat_received_messages_total", { server: "chat-2" }), 5);
    service.balancer.fleet.update([thread("chat-1", { restarts: 3 })]);
    await reported(service, "fastchat_thread_restarts_total", { thread: "chat-1" }, 3);
    const { text } = await service.ask("GET", OPERATOR_PATHS.metrics, { token });
    t.notMatch(text, "chat-2");
    t.equal(await valueOf(service, "fastchat_received_messages_total", { server: "chat-1" }), 5);
  },
);

t.test("logins, sign-ups, placements and errors are counted by how they ended", async (t) => {
  const service = await startService(t);
  service.addServer(entry(1));
  service.balancer.setArchive({ host: "127.0.0.1", port: 7441 });
  const { token: session } = await signUp(service, "alice");
  await logIn(service, "alice");
  await logIn(service, "alice", "wrong password");
  await service.ask("POST", PATHS.place, { token: session, body: {} });
  await service.ask("POST", PATHS.place, { body: {} });
  await service.ask("POST", PATHS.loginStart, { body: { name: "!" } });
  t.equal(await valueOf(service, "fastchat_registrations_total", { outcome: "success" }), 1);
  t.equal(await valueOf(service, "fastchat_logins_total", { outcome: "success" }), 1);
  const failed = (await scrape(service)).get("fastchat_logins_total")?.samples ?? [];
  t.equal(
    failed.reduce((sum, { value }) => sum + value, 0),
    3,
    "each login once",
  );
  t.equal(await valueOf(service, "fastchat_placements_total", { server: "chat-1" }), 1);
  t.equal(await valueOf(service, "fastchat_http_errors_total", { code: "notSignedIn" }), 1);
  t.equal(
    await valueOf(service, "fastchat_http_requests_total", {
      method: "POST",
      route: PATHS.place,
      status: "200",
    }),
    1,
  );
  t.equal(
    await valueOf(service, "fastchat_http_request_duration_seconds", { route: PATHS.place, le: "+Inf" }),
    2,
  );
});
