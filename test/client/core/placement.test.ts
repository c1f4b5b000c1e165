import t from "tap";
import { Placer } from "../../../src/client/core/placement.js";
import { FastChatError } from "../../../src/protocol/errors.js";
import type { Placement } from "../../../src/protocol/http.js";
import { parseServerId, type ServerId } from "../../../src/protocol/ids.js";

/** A balancer that numbers its tickets, and fails when told to. */
function balancer() {
  const state = { asked: [] as string[], failing: false };
  const archive = { host: "h", port: 2 };
  const answer = async <T>(what: string, answered: T): Promise<T> => {
    state.asked.push(what);
    await Promise.resolve();
    if (state.failing) throw new FastChatError("unavailable", "away");
    return answered;
  };
  const placer = new Placer({
    place: () =>
      answer<Placement>("place", {
        server: { id: parseServerId("chat-1") as ServerId, host: "h", port: 1 },
        archive,
        ticket: `ticket-${state.asked.length + 1}`,
        validMs: 60_000,
      }),
    archive: () => answer("archive", archive),
  });
  return { state, placer };
}

t.test("who only wants the archive takes no place", async (t) => {
  const { state, placer } = balancer();
  t.strictSame(await placer.archive(), { host: "h", port: 2 });
  t.strictSame(await placer.archive(), { host: "h", port: 2 });
  t.strictSame(state.asked, ["archive"]);
});

t.test("a place tells where the archive is, too, whichever is asked for first", async (t) => {
  for (const order of [
    ["server", "archive"],
    ["archive", "server"],
  ] as const) {
    const { state, placer } = balancer();
    const answers = await Promise.all(order.map((what) => placer[what]()));
    t.strictSame(answers[order.indexOf("archive")], { host: "h", port: 2 });
    t.strictSame(state.asked, ["place"]);
  }
});

t.test("several who look for the archive ask once", async (t) => {
  const { state, placer } = balancer();
  await Promise.all([placer.archive(), placer.archive()]);
  t.strictSame(state.asked, ["archive"]);
});

t.test("a ticket is given out once", async (t) => {
  const { placer } = balancer();
  const tickets = await Promise.all([placer.server(), placer.server()]);
  t.strictSame(
    tickets.map(({ ticket }) => ticket),
    ["ticket-1", "ticket-2"],
  );
});

t.test("an archive that could not be reached is asked for again", async (t) => {
  const { state, placer } = balancer();
  await placer.server();
  await placer.archive();
  placer.forgetArchive();
  await placer.archive();
  t.strictSame(state.asked, ["place", "archive"]);
});

t.test("a failure is told to who asked, and the next asks anew", async (t) => {
  const { state, placer } = balancer();
  state.failing = true;
  const [server, archive] = await Promise.allSettled([placer.server(), placer.archive()]);
  t.match([server, archive], [{ status: "rejected" }, { status: "rejected" }]);
  state.failing = false;
  t.ok(await placer.archive());
});
