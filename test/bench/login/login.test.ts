/** The parts of the login bench: its clients log in for real, and its figures are those of what they did. */
import t from "tap";
import { ready } from "@serenity-kit/opaque";
import { OpaqueAlone } from "../../../bench/login/alone.js";
import { figuresOf } from "../../../bench/login/report.js";
import { SystemCpu } from "../../../bench/login/system-cpu.js";

t.test("logins of all rounds together: time and CPU of the two steps, nothing of the clients'", async (t) => {
  const round = { logins: 100, startMs: 300, finishMs: 100, cpuMs: 200, clientMs: 5_000 };
  t.same(figuresOf([round, { ...round, startMs: 1_000, finishMs: 600, cpuMs: 400 }]), {
    perSecond: 100,
    cpuMicros: 3_000,
  });
});

t.test("the library alone logs people in, on threads", async (t) => {
  await ready;
  const alone = new OpaqueAlone(2);
  t.teardown(() => alone.close());
  const { logins, startMs, finishMs, cpuMs, clientMs } = await alone.round(7);
  t.equal(logins, 7);
  for (const ms of [startMs, finishMs, cpuMs, clientMs]) t.ok(ms > 0, `${ms}`);
});

t.test("what a system takes at rest is no part of what is measured", async (t) => {
  const cpu = new SystemCpu();
  const began = performance.now();
  let worked = 0;
  // One tenth of a core at rest.
  const tell = setInterval(() => cpu.told((performance.now() - began) / 10 + worked), 2);
  t.teardown(() => clearInterval(tell));
  await cpu.rest(100);
  const before = await cpu.beyondRest();
  worked = 1_000;
  const difference = (await cpu.beyondRest()) - before;
  t.ok(Math.abs(difference - 1_000) < 50, `${difference}`);
});
