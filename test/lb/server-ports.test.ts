import { MessageChannel, type MessagePort } from "node:worker_threads";
import { EventEmitter, once } from "node:events";
import t, { type Test } from "tap";
import type { DeviceId } from "../../src/protocol/ids.js";
import type { FromBalancer, ToBalancer } from "../../src/protocol/threads.js";
import { StoreError } from "../../src/store/database.js";
import { LoadView } from "../../src/lb/load-view.js";
import { ServerPorts } from "../../src/lb/server-ports.js";
import { VirtualClock } from "../../bench/simulation/virtual-clock.js";
import { accountId, deviceId, entry, report } from "./loads.js";

const TICKET_MS = 60_000;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

function ports(t: Test, ended: (devices: readonly DeviceId[]) => Promise<DeviceId[]> = async () => []) {
  const clock = new VirtualClock();
  const view = new LoadView({ placementMs: TICKET_MS, capacity: 100 });
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
    devices.filter((device) => device === deviceId(99)),
  );
  const port = connect();
  say(port, { type: "sessions", sessions: [session(1), session(2)] });
  say(port, { type: "connected", session: session(3), nonce: "" });
  say(port, { type: "disconnected", session: 1 });
  say(port, { type: "report", report: report({ connections: 2, messagesIn: 10 }) });
  await read(port, deviceId(99));
  t.match(view.servers(clock.now()), [{ id: "chat-1", connections: 1, messagesPerSecond: 10 }]);
});

t.test("a list of sessions is answered with the devices that were revoked", async (t) => {
  const asked: DeviceId[][] = [];
  const { connect } = ports(t, async (devices) => {
    asked.push([...devices]);
    return [deviceId(2)];
  });
  const port = connect();
  say(port, { type: "sessions", sessions: [session(1), session(2)] });
  t.same(await heard(port), { type: "revoked", devices: [deviceId(2)] });
  t.same(asked, [[deviceId(1), deviceId(2)]]);
});

t.test("a database that is away delays that answer and does not lose it", async (t) => {
  let tries = 0;
  const events = new EventEmitter();
  const failed = once(events, "failed");
  const { connect, clock } = ports(t, async () => {
    if (++tries > 1) return [deviceId(1)];
    setImmediate(() => events.emit("failed"));
    throw new StoreError("retry", "08006", undefined, "away");
  });
  const port = connect();
  say(port, { type: "sessions", sessions: [session(1)] });
  await failed;
  clock.advance(1000);
  t.same(await heard(port), { type: "revoked", devices: [deviceId(1)] });
});

t.test("a revocation goes to all servers, and to a device that connects with an older ticket", async (t) => {
  const { servers, connect, clock } = ports(t);
  const [one, two] = [connect(entry(1)), connect(entry(2))];
  clock.advance(TICKET_MS);
  servers.revoke([deviceId(5)]);
  const revoked = { type: "revoked", devices: [deviceId(5)] };
  t.same(await Promise.all([heard(one), heard(two)]), [revoked, revoked]);
  clock.advance(TICKET_MS - 1);
  say(two, { type: "connected", session: session(5), nonce: "aa" });
  t.same(await heard(two), revoked);
});

t.test("a balancer that was just restarted asks the database about whoever connects", async (t) => {
  const { connect } = ports(t, async (devices) => [...devices]);
  const port = connect();
  say(port, { type: "connected", session: session(5), nonce: "aa" });
  t.same(await heard(port), { type: "revoked", devices: [deviceId(5)] });
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
  const { view, clock, servers, connect } = ports(t, async () => [deviceId(99)]);
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
