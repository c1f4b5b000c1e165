/** The schedule of faults is the seed's, and has of everything. */
import t from "tap";
import { countByKind, makeSchedule, type ScheduleOptions } from "../../../bench/faults/schedule.js";

const OPTIONS: ScheduleOptions = {
  seed: 1,
  minutes: 5,
  people: 200,
  hosts: 4,
  servers: 3,
  embedded: true,
  hungMs: 10_000,
};
const BOTH = [OPTIONS, { ...OPTIONS, embedded: false }];

t.test("the same seed gives the same schedule, another one another", async (t) => {
  t.same(makeSchedule(OPTIONS), makeSchedule({ ...OPTIONS }));
  t.not(JSON.stringify(makeSchedule(OPTIONS)), JSON.stringify(makeSchedule({ ...OPTIONS, seed: 2 })));
});

t.test("five minutes have 100 faults, 3 of every kind and 8 kills of the whole process", async (t) => {
  for (const options of BOTH) {
    for (let seed = 0; seed < 50; seed++) {
      const faults = makeSchedule({ ...options, seed });
      const counts = countByKind(faults);
      t.ok(faults.length >= 100, `${faults.length} faults`);
      for (const [kind, count] of Object.entries(counts)) t.ok(count >= 3, `${count} of ${kind}`);
      t.ok((counts["kill"] ?? 0) >= 8);
    }
  }
});

t.test("each engine's databases fail in its own ways", async (t) => {
  const [embedded, postgres] = BOTH.map(
    (options) => new Set(Object.keys(countByKind(makeSchedule(options)))),
  );
  for (const kind of ["end database", "block database"]) {
    t.ok(embedded?.has(kind));
    t.notOk(postgres?.has(kind));
  }
  for (const kind of ["cutDatabase", "refuseDatabase"]) {
    t.ok(postgres?.has(kind));
    t.notOk(embedded?.has(kind));
  }
});

t.test("faults come in the order of time, within it, and those of a kind are spread", async (t) => {
  const faults = makeSchedule(OPTIONS);
  const times = faults.map(({ at }) => at);
  t.same(
    times,
    [...times].sort((one, other) => one - other),
  );
  t.ok(times.every((at) => at >= 0 && at < 300_000));
  for (const kind of Object.keys(countByKind(faults))) {
    const own = faults.filter((fault) => fault.kind === kind).map(({ at }) => at);
    const slice = 300_000 / own.length;
    t.same(
      own.map((at) => Math.floor(at / slice)),
      own.map((_, index) => index),
      kind,
    );
  }
});

t.test("some blocked loops come back in time and some count as dead", async (t) => {
  const blocks = makeSchedule(OPTIONS).flatMap(({ what }) => (what.do === "block" ? [what] : []));
  for (const of of ["chat", "balancer", "archive", "database"]) {
    const lengths = blocks.filter((block) => block.of === of).map(({ ms }) => ms);
    t.ok(
      lengths.some((ms) => ms > OPTIONS.hungMs),
      of,
    );
    t.ok(
      lengths.some((ms) => ms < OPTIONS.hungMs / 2),
      of,
    );
  }
});

t.test("clocks jump by hours, both ways", async (t) => {
  for (const kind of ["jumpSystemClock", "jumpClientClocks"] as const) {
    const offsets = makeSchedule(OPTIONS).flatMap(({ what }) => (what.do === kind ? [what.offsetMs] : []));
    t.ok(
      offsets.some((ms) => ms >= 3_600_000),
      kind,
    );
    t.ok(
      offsets.some((ms) => ms <= -3_600_000 + 3_600_000 && ms < 0),
      kind,
    );
  }
});

t.test("a longer run has more faults, a shorter one still one of every kind", async (t) => {
  t.ok(makeSchedule({ ...OPTIONS, minutes: 10 }).length >= 200);
  const short = countByKind(makeSchedule({ ...OPTIONS, minutes: 0.3 }));
  t.same(Object.keys(short).sort(), Object.keys(countByKind(makeSchedule(OPTIONS))).sort());
});

t.test("people, hosts and servers are among those there are", async (t) => {
  const options = { ...OPTIONS, people: 12, hosts: 2, servers: 2 };
  for (const { what } of makeSchedule(options)) {
    if ("people" in what) t.ok(what.people.length > 0 && what.people.every((person) => person < 12));
    if (what.do === "killClients") t.ok(what.host < 2);
    if (what.do === "end" && what.of === "chat") t.match(what.thread, /^chat-[12]$/);
  }
});
