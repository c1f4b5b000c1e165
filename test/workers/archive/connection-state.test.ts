import { randomBytes } from "node:crypto";
import t from "tap";
import type { ArchiveRequest } from "../../../src/protocol/archive.js";
import {
  FRESH_CONNECTION,
  transition,
  wantsMore,
  type ConnectionEvent,
  type ConnectionState,
} from "../../../src/workers/archive/connection-state.js";
import { randomArchive } from "../../store/archive-contract.js";

const archive = randomArchive();
const open: ArchiveRequest = { type: "open", ref: 1, archive, token: randomBytes(32) };
const ping: ArchiveRequest = { type: "ping", ref: 2 };

/** The state that events lead to, and the types of their effects in order. */
function after(...events: ConnectionEvent[]): { state: ConnectionState; effects: string[] } {
  let state = FRESH_CONNECTION;
  const effects: string[] = [];
  for (const event of events) {
    const next = transition(state, event);
    state = next.state;
    effects.push(...next.effects.map(({ type }) => type));
  }
  return { state, effects };
}

const asks = (request: ArchiveRequest, bytes = 10): ConnectionEvent => ({ type: "request", request, bytes });
const admitted: ConnectionEvent = { type: "admitted" };

t.test("a request is served once the archive is open, and counts until it is answered", async (t) => {
  const served = after(asks(open), admitted, asks(ping, 10), asks(ping, 20));
  t.same(served.effects, ["admit", "serve", "serve"]);
  t.same(served.state, { at: "open", requests: 2, bytes: 30 });
  const answered = transition(served.state, { type: "answered", bytes: 10 });
  t.same(answered.state, { at: "open", requests: 1, bytes: 20 });
});

t.test("more is wanted while neither requests nor bytes are at their limit", async (t) => {
  const limits = { requests: 2, bytes: 100 };
  t.ok(wantsMore(FRESH_CONNECTION, limits));
  t.ok(wantsMore(after(asks(open), admitted, asks(ping, 99)).state, limits));
  t.notOk(wantsMore(after(asks(open), admitted, asks(ping, 1), asks(ping, 1)).state, limits));
  t.notOk(wantsMore(after(asks(open), admitted, asks(ping, 100)).state, limits));
});

t.test("the time to open an archive ends a connection that has none, and no other", async (t) => {
  t.same(after({ type: "helloOver" }), { state: { at: "closed" }, effects: ["close"] });
  t.same(after(asks(open), { type: "helloOver" }), { state: { at: "closed" }, effects: ["admit", "close"] });
  t.equal(after(asks(open), admitted, { type: "helloOver" }).state.at, "open");
});

t.test("whoever is let in after the connection was closed is not let in", async (t) => {
  const closed = after(asks(open), { type: "closed" }, admitted);
  t.same(closed, { state: { at: "closed" }, effects: ["admit"] });
});

t.test("nothing happens on a closed connection", async (t) => {
  const events: ConnectionEvent[] = [
    asks(open),
    asks(ping),
    admitted,
    { type: "refused" },
    { type: "answered", bytes: 1 },
    { type: "helloOver" },
    { type: "giveUp" },
    { type: "closed" },
  ];
  t.same(after({ type: "closed" }, ...events), { state: { at: "closed" }, effects: [] });
});
