/** A chat server with its sockets, links and ports: what its thread runs, and a test runs beside others in one thread. */
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import type { MessagePort } from "node:worker_threads";
import { verifySignature } from "../../crypto/signature.js";
import { monotonicClock, systemClock, systemRandom } from "../../node/clock.js";
import { listenFrames } from "../../node/frame-server.js";
import { rawEd25519PublicKey } from "../../node/grant-keys.js";
import { atTickEnd } from "../../node/tick.js";
import type { FrameChannel, Log } from "../../protocol/runtime.js";
import type { FromBalancer, ToBalancer, ToThread } from "../../protocol/threads.js";
import type { Database } from "../../store/database.js";
import { sqlDeliveries } from "../../store/sql-deliveries.js";
import { sqlGroups } from "../../store/sql-groups.js";
import type { ChatThreadData } from "../entries.js";
import type { Say, ThreadBody } from "../thread.js";
import { ChatServer } from "./chat-server.js";
import { PortLink } from "./port-link.js";
import { ticketOffice } from "./tickets.js";

/**
 * Starts a chat server; it serves when links and a view have come to it.
 *
 * @param database stays the caller's to close
 * @throws FastChatError `portInUse`, `badConfig`
 */
export async function startChatThread(
  data: Omit<ChatThreadData, "database" | "log">,
  database: Database,
  log: Log,
  say: Say,
): Promise<ThreadBody> {
  const { id, incarnation, limits, timeouts } = data;
  const grantKey = rawEd25519PublicKey(data.grantPublicKey);
  let balancer: MessagePort | null = null;

  const link = new PortLink(limits.linkWindowBytes, {
    onMessage: (from, message) => server.linkMessage(from, message),
    onPeerGone: (peer) => server.peerGone(peer),
  });
  const server: ChatServer = new ChatServer({
    id,
    incarnation,
    limits,
    timeouts,
    store: sqlDeliveries(database),
    groups: sqlGroups(database),
    link,
    tickets: ticketOffice({
      server: id,
      incarnation,
      verifySignature: (label, claims, signature) => verifySignature(grantKey, label, claims, signature),
      now: () => systemClock.now(),
    }),
    // Only durations are measured by it; tickets are judged by the time of day, above.
    clock: monotonicClock,
    random: systemRandom,
    log,
    soon: atTickEnd,
    tellBalancer: (message) => balancer?.postMessage(message),
  });
  const listener = await listenFrames({
    host: data.host,
    port: data.port,
    tls: data.tls,
    maxFrameBytes: limits.maxFrameBytes,
    strangersFrameBytes: limits.maxControlBytes,
    bufferBytes: limits.socketBufferBytes,
    maxConnections: limits.connectionsPerServer,
    handshakeMs: timeouts.helloMs,
    accept: (channel: FrameChannel) => server.accept(channel),
    onError: (error) => log.debug({ error: error.message }, "a connection failed"),
  });
  const stopReports = reportLoad(server, timeouts.reportMs, say, (message) => balancer?.postMessage(message));

  const connectBalancer = (port: MessagePort): void => {
    balancer?.close();
    balancer = port;
    port.on("message", (message: FromBalancer) => server.balancerMessage(message));
    port.postMessage({ type: "sessions", sessions: server.connected() } satisfies ToBalancer);
  };

  return {
    listening: listener.listening,
    onMessage(message: ToThread) {
      switch (message.type) {
        case "link":
          return link.connect(message.peer, message.incarnation, message.port);
        case "unlink":
          return link.disconnect(message.peer, message.incarnation);
        case "balancer":
          return connectBalancer(message.port);
        case "prepare":
          void server.prepare(message.view).then(() => say({ type: "prepared", view: message.view.number }));
          return;
        case "activate":
          return server.activate(message.view);
        case "ping":
        case "stop":
        case "server":
        case "serverGone":
        case "archive":
        case "fleet":
        case "ordered":
          // The first two are dealt with before; the others are for the balancer.
          return;
      }
    },
    async stop() {
      stopReports();
      const closed = listener.close();
      await server.stop();
      await closed;
      link.close();
      balancer?.close();
    },
  };
}

/** How often the event loop's delay is looked at, in milliseconds. */
const LOOP_TIMER_MS = 10;

/** Reports every `everyMs` milliseconds; the returned function ends that. */
function reportLoad(
  server: ChatServer,
  everyMs: number,
  say: Say,
  tellBalancer: (message: ToBalancer) => void,
): () => void {
  const delay = monitorEventLoopDelay({ resolution: LOOP_TIMER_MS });
  delay.enable();
  let before = performance.eventLoopUtilization();
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization();
    const report = server.report({
      // What is measured is the time from one tick of its timer to the next, and so at least the timer's own.
      loopDelayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - LOOP_TIMER_MS),
      utilization: performance.eventLoopUtilization(now, before).utilization,
    });
    before = now;
    delay.reset();
    say({ type: "report", report });
    tellBalancer({ type: "report", report, busiest: server.busiest() });
  }, everyMs);
  return () => {
    clearInterval(timer);
    delay.disable();
  };
}
