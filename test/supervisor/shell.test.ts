/** The supervisor on real threads, small ones that do what they are told. */
import { EventEmitter, once } from "node:events";
import { BroadcastChannel } from "node:worker_threads";
import t, { type Test } from "tap";
import { monotonicClock, systemRandom } from "../../src/node/clock.js";
import { createLog } from "../../src/node/log.js";
import { FastChatError } from "../../src/protocol/errors.js";
import type { Log } from "../../src/protocol/runtime.js";
import { Shell } from "../../src/supervisor/shell.js";
import type { ThreadPlan } from "../../src/supervisor/state.js";
import { startWorker } from "../../src/supervisor/worker.js";
import type { ObedientData, Order, Told } from "./obedient-thread.js";
import { CHAT_1, CHAT_2, timeouts } from "./story.js";

const ENTRY = new URL("./obedient-thread.js", import.meta.url);

const PLANS: readonly ThreadPlan[] = [
  { kind: "chat", id: CHAT_1, port: 0 },
  { kind: "chat", id: CHAT_2, port: 0 },
  { kind: "balancer", id: "balancer", port: 7440 },
  { kind: "archive", id: "archive", port: 7441 },
  { kind: "database", id: "database", port: 0 },
];

const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

let channels = 0;

class Stage {
  readonly events = new EventEmitter();
  readonly told: string[] = [];
  /** What threads and supervisor logged. */
  readonly lines: string[] = [];
  readonly #channel: BroadcastChannel;
  readonly #runs = new Map<string, number>();
  readonly shell: Shell;
  readonly ended;

  constructor(
    t: Test,
    options: { refuses?: string; migrate?: () => Promise<void>; announce?: () => Promise<void> } = {},
  ) {
    const name = `stage-${channels++}`;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = (event) => {
      const { by, run, what } = (event as { data: Told }).data;
      this.#tell(`${by}.${run} ${what}`);
    };
    t.teardown(() => this.#channel.close());
    this.shell = new Shell({
      plans: PLANS,
      // Only a loop that hangs for good shall count as dead, however busy the machine is.
      timeouts: { ...timeouts, heartbeatMs: 100, hungMs: 2000, restartMinMs: 1, stopMs: 60_000 },
      clock: monotonicClock,
      random: systemRandom,
      log: createLog({ level: "info" }, {}, (line) => this.lines.push(line)),
      spawn: ({ id }, port, _incarnation, handlers) => {
        const run = (this.#runs.get(id) ?? 0) + 1;
        this.#runs.set(id, run);
        this.#tell(`${id}.${run} starts`);
        const data: ObedientData = { id, run, port, channel: name, refuses: id === options.refuses };
        return startWorker(ENTRY, id, data, handlers, (line) => this.lines.push(line));
      },
      migrate: options.migrate ?? (async () => this.#tell("migrated")),
      announce: options.announce ?? (async ({ port }) => this.#tell(`announced ${port}`)),
      onReport: () => undefined,
      onState: () => undefined,
    });
    this.ended = this.shell.run();
  }

  #tell(text: string): void {
    this.told.push(text);
    this.events.emit("told");
  }

  /** Waits until all of these were told. */
  async hears(...texts: readonly string[]): Promise<void> {
    while (!texts.every((text) => this.told.includes(text))) await once(this.events, "told");
  }

  order(order: Order): void {
    this.#channel.postMessage(order);
  }
}

t.test("threads are linked with each other, and have no variable of their parent's", async (t) => {
  const stage = new Stage(t);
  await stage.hears(
    "chat-1.1 hears chat-2.1",
    "chat-2.1 hears chat-1.1",
    "chat-1.1 hears balancer.1",
    "chat-2.1 hears balancer.1",
    "balancer.1 hears chat-1.1",
    "balancer.1 hears chat-2.1",
    "balancer.1 knows the archive at 7441",
    "chat-1.1 is in view of chat-1,chat-2",
    "announced 7440",
    "chat-1.1 has 0 variables",
  );
  t.ok(stage.told.indexOf("migrated") < stage.told.indexOf("archive.1 starts"));
  stage.shell.stop();
  t.equal(await stage.ended, null);
  await stage.hears("database.1 stops");
  const stops = stage.told.filter((text) => text.endsWith("stops"));
  t.equal(stops[0], "balancer.1 stops");
  t.same(stops.slice(-2), ["archive.1 stops", "database.1 stops"]);
  t.equal(stage.lines.filter((line) => line.startsWith("the last line of")).length, 5, "no output is lost");
});

t.test("a thread that throws, and one that hangs, are replaced and linked anew", async (t) => {
  const stage = new Stage(t);
  await stage.hears("announced 7440");
  stage.order({ to: CHAT_1, run: 1, do: "throw" });
  await stage.hears("chat-2.1 is in view of chat-2", "chat-2.1 hears chat-1.2", "balancer.1 hears chat-1.2");
  t.ok(
    stage.lines.some((line) => line.includes("as ordered")),
    "why it died stands in the log",
  );
  stage.order({ to: CHAT_2, run: 1, do: "hang" });
  await stage.hears("chat-1.2 is in view of chat-1", "chat-1.2 hears chat-2.2");
  stage.order({ to: "balancer", run: 1, do: "throw" });
  await stage.hears(
    "balancer.2 hears chat-2.2",
    "chat-1.2 hears balancer.2",
    "balancer.2 knows the archive at 7441",
  );
  stage.shell.stop();
  t.equal(await stage.ended, null);
});

t.test("a thread that cannot start ends everything, and its reason is handed on", async (t) => {
  const stage = new Stage(t, { refuses: "archive" });
  t.same(await stage.ended, { code: "portInUse", message: "Port 7441 on 127.0.0.1 is in use." });
});

t.test("what the supervisor itself cannot do ends everything", async (t) => {
  const full = () => Promise.reject(new FastChatError("diskFull", "Full."));
  const stage = new Stage(t, { migrate: full });
  t.same(await stage.ended, { code: "diskFull", message: "Full." });
  const said = stage.lines.find((line) => line.includes("cannot go on")) ?? "";
  t.match(JSON.parse(said), { code: "diskFull", reason: "Full." });
  t.notMatch(said, /stack|\.js/);
  t.same(await new Stage(t, { announce: full }).ended, { code: "diskFull", message: "Full." });
});

t.test("an entry that is not there ends everything with its reason", async (t) => {
  const shell = new Shell({
    plans: [{ kind: "balancer", id: "balancer", port: 0 }],
    timeouts,
    clock: monotonicClock,
    random: systemRandom,
    log: SILENT,
    spawn: (_plan, _port, _incarnation, handlers) =>
      startWorker(new URL("./absent.js", import.meta.url), "absent", {}, handlers, () => undefined),
    migrate: () => Promise.resolve(),
    announce: () => Promise.resolve(),
    onReport: () => undefined,
    onState: () => undefined,
  });
  const reason = await shell.run();
  t.equal(reason?.code, "internal");
  t.match(reason?.message, /^The thread "balancer" ended before it was ready: Cannot find module/);
});
