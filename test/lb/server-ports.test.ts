import { MessageChannel, type MessagePort } from "node:worker_threads";
import { EventEmitter, on, once } from "node:events";
import t, { type Test } from "tap";
import type { DeviceId } from "../../src/protocol/ids.js";
import type { FromBalancer, ToBalancer } from "../../src/protocol/threads.js";
import type { EndedSession } from "../../src/store/sessions.js";
import { StoreError } from "../../src/store/database.js";
import { LoadView } from "../../src/lb/load-view.js";
import { ServerPorts } from "../../src/lb/server-ports.js";
import { VirtualClock } from "../../bench/simulation/virtual-clock.js";
import { accountId, deviceId, entry, report } from "./loads.js";

const TICKET_MS = 60_000;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const out = (device: DeviceId): EndedSession => ({ device, why: "notSignedIn" });

function ports(t: Test, ended: (devices: readonly DeviceId[]) => Promise<EndedSession[]> = async () => []) {
  const clock = new VirtualClock();
  const view = new LoadView({ placementMs: TICKET_MS, capacity: 100, warmUpMs: 30_000 });
  const servers = new ServerPorts({ view, sessions: { ended }, clock, log: quiet, ticketMs: TICKET_MS });
  t.teardown(() => servers.close());
  const connect = (server = entry(1)): MessagePort => {
    const { port1, port2 } = new MessageChannel();
    servers.add(server, port1);
    // Read from the start: a port that nobody reads does not hear that the other end closed.
    port2.on("message", () => undefined);
    t.teardown(() => port2.close());
    return port2;
  };
  return { clock, view, servers, connect };
}

const say = (port: MessagePort, message: ToBalancer): void => port.postMessage(message);
const heard = async (port: MessagePort): Promise<FromBalancer> =>
  ((await once(port, "message")) as [FromBalancer])[0];
const session = (number: number) => ({ session: number, account: accountId(), device: deviceId(number) });

/** The balancer's side has read what was sent before: it answers the question after it. */
async function read(port: MessagePort, device: DeviceId): Promise<void> {
  say(port, { type: "sessions", sessions: [{ session: 99, account: accountId(), device }] });
  await heard(port);
}

t.test("what a server says goes into the view", async (t) => {
  const { view, clock, connect } = ports(t, async (devices) =>
    devices.filter((device) => device === deviceId(99)).map(out),
  );
  const port = connect();
  say(port, { type: "sessions", sessions: [session(1), session(2)] });
  say(port, { type: "connected", session: session(3), nonce: "" });
  say(port, { type: "disconnected", session: 1 });
  say(port, { type: "report", report: report({ connections: 2, messagesIn: 10 }), busiest: [] });
  await read(port, deviceId(99));
  t.match(view.servers(clock.now()), [{ id: "chat-1", connections: 1, messagesPerSecond: 10 }]);
});

t.test("a list of sessions is answered with the devices that were revoked, and why", async (t) => {
  const asked: DeviceId[][] = [];
  const { connect } = ports(t, async (devices) => {
    asked.push([...devices]);
    return [out(deviceId(2)), { device: deviceId(3), why: "suspended" }];
  });
  const port = connect();
  const answers = on(port, "message");
  say(port, { type: "sessions", sessions: [session(1), session(2), session(3)] });
  t.same((await answers.next()).value, [{ type: "revoked", devices: [deviceId(2)], why: "notSignedIn" }]);
  t.same((await answers.next()).value, [{ type: "revoked", devices: [deviceId(3)], why: "suspended" }]);
  t.same(asked, [[deviceId(1), deviceId(2), deviceId(3)]]);
});

t.test("a database that is away delays that answer and does not lose it", async (t) => {
  let tries = 0;
  const events = new EventEmitter();
  const failed = once(events, "failed");
  const { connect, clock } = ports(t, async () => {
    if (++tries > 1) return [out(deviceId(1))];
    setImmediate(() => events.emit("failed"));
    throw new StoreError("retry", "08006", undefined, "away");
  });
  const port = connect();
  say(port, { type: "sessions", sessions: [session(1)] });
  await failed;
  clock.advance(1000);
  t.same(await heard(port), { type: "revoked", devices: [deviceId(1)], why: "notSignedIn" });
});

t.test("a revocation goes to all servers, and to a device that connects with an older ticket", async (t) => {
  const { servers, connect, clock } = ports(t);
  const [one, two] = [connect(entry(1)), connect(entry(2))];
  clock.advance(TICKET_MS);
  servers.revoke([deviceId(5)], "suspended");
  const revoked = { type: "revoked", devices: [deviceId(5)], why: "suspended" };
  t.same(await Promise.all([heard(one), heard(two)]), [revoked, revoked]);
  // The ticket may have been given a moment after: whoever asked for it waited for a turn.
  clock.advance(TICKET_MS + 1);
  say(two, { type: "connected", session: session(5), nonce: "aa" });
  t.same(await heard(two), revoked);
});

t.test("a balancer that was just restarted asks the database about whoever connects", async (t) => {
  const { connect } = ports(t, async (devices) => devices.map(out));
  const port = connect();
  say(port, { type: "connected", session: session(5), nonce: "aa" });
  t.same(await heard(port), { type: "revoked", devices: [deviceId(5)], why: "notSignedIn" });
});

t.test("a server whose port closes is not offered any more", async (t) => {
  const { view, clock, servers, connect } = ports(t);
  connect(entry(2));
  const { port1, port2 } = new MessageChannel();
  servers.add(entry(1), port1);
  // Ours is called after the balancer's own, which was there first.
  const closed = once(port1, "close");
  port2.close();
  await closed;
  t.same(
    view.servers(clock.now()).map((server) => server.id),
    ["chat-2"],
  );
});

t.test("a new start takes the place of the old one, whose end changes nothing", async (t) => {
  const { view, clock, servers, connect } = ports(t, async () => [out(deviceId(99))]);
  const old = connect(entry(1, 1));
  const port = connect(entry(1, 2));
  await once(old, "close");
  servers.remove(entry(1).id, entry(1, 1).incarnation);
  await read(port, deviceId(99));
  t.match(view.servers(clock.now()), [{ id: "chat-1", connections: 1 }]);
  servers.remove(entry(1).id, entry(1, 2).incarnation);
  await once(port, "close");
  t.same(view.servers(clock.now()), []);
});
