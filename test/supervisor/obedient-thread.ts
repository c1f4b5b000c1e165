/** A thread that does what a test orders over a broadcast channel, and tells there what reached it (shell.test.ts). */
import { BroadcastChannel, type MessagePort } from "node:worker_threads";
import { FastChatError } from "../../src/protocol/errors.js";
import { runThread } from "../../src/workers/thread.js";

export interface ObedientData {
  readonly id: string;
  readonly run: number;
  readonly port: number;
  /** Name of the broadcast channel. */
  readonly channel: string;
  readonly refuses: boolean;
}

export type Order = { readonly to: string; readonly run: number; readonly do: "throw" | "hang" };

/** What a thread tells: who it is, and what reached it. */
export interface Told {
  readonly by: string;
  readonly run: number;
  readonly what: string;
}

await runThread<ObedientData>(async ({ id, run, port, channel: name, refuses }, say) => {
  if (refuses) throw new FastChatError("portInUse", `Port ${port} on 127.0.0.1 is in use.`);
  const channel = new BroadcastChannel(name);
  const tell = (what: string) => channel.postMessage({ by: id, run, what } satisfies Told);
  const ports: MessagePort[] = [];
  const converse = (one: MessagePort) => {
    ports.push(one);
    one.on("message", (other: string) => tell(`hears ${other}`));
    one.postMessage(`${id}.${run}`);
  };
  channel.onmessage = (event) => {
    const order = (event as { data: Order }).data;
    if (order.to !== id || order.run !== run) return;
    if (order.do === "throw") throw new Error("as ordered");
    for (;;);
  };
  tell(`has ${Object.keys(process.env).length} variables`);
  return {
    listening: { host: "127.0.0.1", port: port === 0 ? 5000 + id.length : port },
    onMessage(message) {
      switch (message.type) {
        case "link":
        case "balancer":
        case "server":
          return converse(message.port);
        case "prepare":
          return say({ type: "prepared", view: message.view.number });
        case "activate":
          return tell(`is in view of ${message.view.members.map((member) => member.id).join()}`);
        case "archive":
          return tell(`knows the archive at ${message.listening.port}`);
        default:
          return;
      }
    },
    async stop() {
      console.log(`the last line of ${id}`);
      tell("stops");
      channel.close();
      for (const one of ports) one.close();
    },
  };
});
