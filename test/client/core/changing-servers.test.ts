/** A client whose session moves to another server while it writes and is written to (PROTOCOL.md, "Moving"). */
import t from "tap";
import type { SendFrame } from "../../../src/protocol/hot.js";
import type { ServerId } from "../../../src/protocol/ids.js";
import { PATHS } from "../../../src/protocol/http.js";
import { inTime, listenTo, resume, twoPeople, until } from "./device.js";
import { bobsMail, historyOf } from "./mail.js";
import { CHAT, Service, type ServerSession } from "./service.js";

const placements = (service: Service): number =>
  service.requests.filter((request) => request === `POST ${PATHS.place}`).length;

function tellToMove(service: Service, session: ServerSession, host = CHAT.host): void {
  session.say({
    type: "move",
    server: "chat-2" as ServerId,
    host,
    port: CHAT.port,
    ticket: service.ticketOf(session),
  });
}

function only(service: Service): ServerSession {
  const [session] = service.sessions;
  if (session === undefined) throw new Error("nobody is connected");
  return session;
}

t.test("what was not accepted goes again in the new session, in order, without the balancer", async (t) => {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  const alice = await resume(onAlices);
  await alice.send("bob", "one");
  const asked = placements(service);
  const old = only(service);
  const kept: SendFrame[] = [];
  // The old server takes two messages, and its answers are never heard.
  service.onSend = (session, frame) => {
    if (session !== old) return false;
    kept.push(frame);
    return true;
  };
  const sent = ["two", "three"].map((text) => alice.send("bob", text));
  await until(() => kept.length === 2);
  tellToMove(service, old);
  await inTime(service, Promise.all(sent));
  t.equal(placements(service), asked, "the balancer was not asked");
  await until(() => !service.sessions.has(old));
  t.equal(service.sessions.size, 1);
  await inTime(service, alice.send("bob", "four"));
  await inTime(service, alice.close());
  t.strictSame(await bobsMail(service, onBobs), {
    texts: ["one", "two", "three", "four"],
    numbers: [1, 2, 3, 4],
  });
});

t.test("who listens misses nothing, and sees nothing twice", async (t) => {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  const alice = await resume(onAlices);
  const bob = await resume(onBobs);
  const { got } = await listenTo(bob);
  const bobs = (): ServerSession | undefined => [...service.sessions].find(({ attached }) => attached);
  for (let i = 1; i <= 9; i++) {
    await inTime(service, alice.send("bob", `message ${i}`));
    const session = bobs();
    if (i % 3 === 0 && session !== undefined) tellToMove(service, session);
  }
  await inTime(service, () => got.length === 9);
  const texts = Array.from({ length: 9 }, (_, i) => `message ${i + 1}`);
  t.strictSame(
    got.map(({ text }) => text),
    texts,
  );
  t.strictSame(await historyOf(service, bob), texts);
  await inTime(service, alice.close());
  await inTime(service, bob.close());
});

t.test("a ticket that is not good leads to the balancer, and the session goes on meanwhile", async (t) => {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  const alice = await resume(onAlices);
  await alice.send("bob", "one");
  const asked = placements(service);
  const old = only(service);
  old.say({ type: "move", server: "chat-2" as ServerId, ...CHAT, ticket: Uint8Array.of(1, 2, 3) });
  await until(() => service.sessions.size === 1 && !service.sessions.has(old));
  t.equal(placements(service), asked + 1);
  await inTime(service, alice.send("bob", "two"));
  await inTime(service, alice.close());
  t.strictSame((await bobsMail(service, onBobs)).texts, ["one", "two"]);
});
