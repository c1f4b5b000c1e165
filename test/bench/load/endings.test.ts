/** Load runs that end otherwise than by their plan, and one on a system that runs already. */
import { readdir } from "node:fs/promises";
import t from "tap";
import { isClean } from "../../../bench/load/report.js";
import { summaryOf } from "../../../bench/load/summary.js";
import { OPEN_DOORS } from "../../../bench/service/sign-up.js";
import { WatchedSystem } from "../../../bench/service/watched-system.js";
import { formatAddress } from "../../../src/protocol/address.js";
import { load, systems } from "./small-run.js";

t.test("a system that answers some messages never makes the run fail", async (t) => {
  const { report } = await load({}, undefined, [new URL("./silencer.js", import.meta.url)]);
  t.notOk(isClean(report));
  t.match(report.problems[0], /^\d+ messages were neither accepted nor refused/);
});

t.test("a run that is ended before anything was measured says so, and leaves nothing behind", async (t) => {
  const running = load({}, ({ name }, stop) => void (name === "connecting" && stop.abort()));
  await t.rejects(running, { name: "EndedEarly" });
  const left = await readdir(systems);
  t.same(
    left.filter((name) => name.startsWith("fastchat-")),
    [],
  );
});

t.test("a run on a system that runs already tells what its people saw of it", async (t) => {
  const system = await WatchedSystem.start({ ...OPEN_DOORS, FASTCHAT_SERVERS: "2" });
  t.teardown(() => system.stop());
  const joined = { server: formatAddress(system.address), servers: undefined, strategy: undefined };
  for (const run of ["first", "second"]) {
    const { report } = await load(joined);
    t.ok(isClean(report), `${run}: ${JSON.stringify(report.problems)}`);
    t.equal(report.run.loadToldBy, "clients");
    t.equal(report.spread.connections.maxMinusMean, 0);
    t.same([report.memory, report.spread.mailboxes, report.spread.cores], [null, null, null]);
    t.ok(report.series.length >= 6 && report.series.every(({ connections }) => connections === 4));
    t.ok(report.servers.every(({ messages, bytes }) => messages > 0 && bytes > 100 * messages));
  }
});

t.test("a run that is ended early tells what it measured until then", async (t) => {
  const { report } = await load({ seconds: 600 }, ({ name, done }, stop) => {
    if (name === "measuring" && done >= 2) stop.abort();
  });
  t.ok(isClean(report));
  const seconds = report.run.interruptedAt ?? 0;
  t.ok(seconds > 1 && seconds < 60, `after ${seconds} s`);
  t.ok(report.check.sent > 0);
  t.equal(report.check.received, report.check.sent);
  t.match(summaryOf(report), /ended by hand/);
});
