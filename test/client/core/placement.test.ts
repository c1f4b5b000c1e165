import t from "tap";
import { VirtualClock } from "../../../bench/simulation/virtual-clock.js";
import { Placer } from "../../../src/client/core/placement.js";
import { FastChatError } from "../../../src/protocol/errors.js";
import type { Placement } from "../../../src/protocol/http.js";
import { parseServerId, type ServerId } from "../../../src/protocol/ids.js";

/** A balancer that numbers its tickets, and fails when told to. */
function balancer() {
  const state = { asked: 0, failing: false };
  const place = async (): Promise<Placement> => {
    state.asked += 1;
    const ticket = `ticket-${state.asked}`;
    await Promise.resolve();
    if (state.failing) throw new FastChatError("unavailable", "away");
    return {
      server: { id: parseServerId("chat-1") as ServerId, host: "h", port: 1 },
      archive: { host: "h", port: 2 },
      ticket,
      validMs: 60_000,
    };
  };
  return { state, place };
}

t.test("one placement serves both, whichever is asked for first", async (t) => {
  for (const first of ["server", "archive"] as const) {
    const { state, place } = balancer();
    const placer = new Placer(new VirtualClock(), place);
    const second = first === "server" ? "archive" : "server";
    await Promise.all([placer[first](), placer[second]()]);
    t.equal(state.asked, 1, `${first} first, at the same time`);
  }
  const { state, place } = balancer();
  const placer = new Placer(new VirtualClock(), place);
  t.strictSame(await placer.archive(), { host: "h", port: 2 });
  t.equal((await placer.server()).ticket, "ticket-1");
  t.equal(state.asked, 1);
});

t.test("a ticket is given out once", async (t) => {
  const { place } = balancer();
  const placer = new Placer(new VirtualClock(), place);
  await placer.archive();
  const tickets = await Promise.all([placer.server(), placer.server()]);
  t.strictSame(
    tickets.map(({ ticket }) => ticket),
    ["ticket-1", "ticket-2"],
  );
});

t.test("a ticket that lay about for half of its time is not used", async (t) => {
  const { place } = balancer();
  const clock = new VirtualClock();
  const placer = new Placer(clock, place);
  await placer.archive();
  clock.advance(30_000);
  t.equal((await placer.server()).ticket, "ticket-2");
});

t.test("an archive that could not be reached is asked for again", async (t) => {
  const { state, place } = balancer();
  const placer = new Placer(new VirtualClock(), place);
  await placer.server();
  await placer.archive();
  t.equal(state.asked, 1);
  placer.forgetArchive();
  await placer.archive();
  t.equal(state.asked, 2);
});

t.test("a failure is told to who asked, and the next asks anew", async (t) => {
  const { state, place } = balancer();
  const placer = new Placer(new VirtualClock(), place);
  state.failing = true;
  const [server, archive] = await Promise.allSettled([placer.server(), placer.archive()]);
  t.match([server, archive], [{ status: "rejected" }, { status: "rejected" }]);
  state.failing = false;
  t.ok(await placer.archive());
});
