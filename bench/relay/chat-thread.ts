/** A real chat server on its thread, with everything but a database: the relay's people are all online. */
import { parentPort, workerData } from "node:worker_threads";
import { readConfig } from "../../src/config.js";
import { verifySignature } from "../../src/crypto/signature.js";
import { systemClock, systemRandom } from "../../src/node/clock.js";
import { listenFrames } from "../../src/node/frame-server.js";
import { rawEd25519PublicKey } from "../../src/node/grant-keys.js";
import { atTickEnd } from "../../src/node/tick.js";
import type { Log } from "../../src/protocol/runtime.js";
import { ChatServer } from "../../src/workers/chat/chat-server.js";
import { PortLink } from "../../src/workers/chat/port-link.js";
import { ticketOffice } from "../../src/workers/chat/tickets.js";
import { MemoryDeliveries } from "../simulation/memory-deliveries.js";
import { MemoryGroups } from "../simulation/memory-groups.js";
import type { RelayLink, RelayThreadData } from "./thread-messages.js";

const { index, plan, tls, grantPublicKey } = workerData as RelayThreadData;
const { limits, timeouts } = readConfig("config/globals.json", [], ".");
const self = plan.view.members[index];
if (self === undefined || parentPort === null) throw new Error("started without a plan");

const show = (fields: object, message: string): void => console.error(message, fields);
const log: Log = { debug() {}, info() {}, warn: show, error: show };
const grantKey = rawEd25519PublicKey(grantPublicKey);
const link = new PortLink(limits.linkWindowBytes, {
  onMessage: (from, message) => server.linkMessage(from, message),
  onPeerGone: (peer) => server.peerGone(peer),
});
const server: ChatServer = new ChatServer({
  ...self,
  limits,
  timeouts,
  store: new MemoryDeliveries(() => true),
  groups: new MemoryGroups(),
  link,
  tickets: ticketOffice({
    server: self.id,
    incarnation: self.incarnation,
    verifySignature: (label, claims, signature) => verifySignature(grantKey, label, claims, signature),
    now: () => Date.now(),
  }),
  clock: systemClock,
  random: systemRandom,
  log,
  soon: atTickEnd,
  tellBalancer() {},
});
const { listening } = await listenFrames({
  host: "127.0.0.1",
  port: 0,
  tls,
  maxFrameBytes: limits.maxFrameBytes,
  bufferBytes: limits.socketBufferBytes,
  maxConnections: limits.connectionsPerServer,
  handshakeMs: timeouts.helloMs,
  accept: (channel) => server.accept(channel),
  onError: (error) => show({ error: error.message }, "a connection failed"),
});
// Prepared before anyone is linked, as the supervisor would have it: a message by the view may come before its news.
await server.prepare(plan.view);
let linked = 0;
parentPort.on("message", ({ index: peer, port }: RelayLink) => {
  const member = plan.view.members[peer];
  if (member !== undefined) link.connect(member.id, member.incarnation, port);
  if (++linked === plan.view.members.length - 1) server.activate(plan.view);
});
parentPort.postMessage(listening.port);
