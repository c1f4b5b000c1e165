/** A chat server in a simulated thread; src/workers/chat/chat-thread.ts starts it in a real one. */
import type { Config } from "../../src/config.js";
import type { Incarnation, ServerId } from "../../src/protocol/ids.js";
import type { Log, Random } from "../../src/protocol/runtime.js";
import type { FromBalancer, FromThread, ToBalancer } from "../../src/protocol/threads.js";
import type { DeliveryStore } from "../../src/store/deliveries.js";
import type { GroupStore } from "../../src/store/groups.js";
import { ChatServer } from "../../src/workers/chat/chat-server.js";
import { PortLink } from "../../src/workers/chat/port-link.js";
import { ticketOffice } from "../../src/workers/chat/tickets.js";
import type { Grants } from "./grants.js";
import type { Listener, Network } from "./network.js";
import type { SimulatedPort } from "./port.js";
import type { Body } from "./supervisor.js";
import type { SimulatedThread } from "./thread.js";

export interface ChatThreadOptions {
  readonly id: ServerId;
  readonly incarnation: Incarnation;
  readonly port: number;
  readonly thread: SimulatedThread;
  readonly limits: Config["limits"];
  readonly timeouts: Config["timeouts"];
  readonly store: DeliveryStore;
  readonly groups: GroupStore;
  readonly grants: Grants;
  readonly network: Network;
  readonly random: Random;
  readonly log: Log;
}

export interface ChatBody extends Body {
  readonly server: ChatServer;
}

export function startChat(options: ChatThreadOptions, say: (message: FromThread) => void): ChatBody {
  const { id, incarnation, thread, limits, timeouts, store, groups, grants, network, random, log, port } =
    options;
  const { clock, soon } = thread;
  let balancer: SimulatedPort | null = null;
  const tellBalancer = (message: ToBalancer): void => balancer?.postMessage(message);
  const link = new PortLink(
    limits.linkWindowBytes,
    {
      onMessage: (from, message) => server.linkMessage(from, message),
      onPeerGone: (peer) => server.peerGone(peer),
    },
    soon,
  );
  const server: ChatServer = new ChatServer({
    id,
    incarnation,
    limits,
    timeouts,
    store,
    groups,
    link,
    tickets: ticketOffice({
      server: id,
      incarnation,
      verifySignature: (label, claims, signature) => grants.verify(label, claims, signature),
      now: () => clock.now(),
    }),
    clock,
    random,
    log,
    soon,
    tellBalancer,
  });
  const listener: Listener = {
    kind: "frames",
    thread,
    bufferBytes: limits.socketBufferBytes,
    accept: (channel) => server.accept(channel),
  };
  const listening = network.listen(port, listener);
  const report = (): void => {
    const measured = server.report({ loopDelayP99Ms: 0, utilization: 0 });
    say({ type: "report", report: measured });
    tellBalancer({ type: "report", report: measured, busiest: server.busiest() });
    clock.after(timeouts.reportMs, report);
  };
  clock.after(timeouts.reportMs, report);

  return {
    listening,
    server,
    onMessage(message) {
      switch (message.type) {
        case "link":
          return link.connect(message.peer, message.incarnation, message.port.belongsTo(thread));
        case "unlink":
          return link.disconnect(message.peer, message.incarnation);
        case "balancer":
          balancer?.close();
          balancer = message.port.belongsTo(thread);
          balancer.on("message", (message: FromBalancer) => server.balancerMessage(message));
          return tellBalancer({ type: "sessions", sessions: server.connected() });
        case "prepare":
          void server.prepare(message.view).then(() => say({ type: "prepared", view: message.view.number }));
          return;
        case "activate":
          return server.activate(message.view);
        case "ping":
        case "stop":
        case "fleet":
        case "ordered":
        case "server":
        case "serverGone":
        case "archive":
          return;
      }
    },
    async stop() {
      network.close(listener);
      await server.stop();
      link.close();
    },
  };
}
