/** The server side of the relay bench in a process of its own: the threads of one kind, meshed by MessageChannels. */
import { MessageChannel, Worker } from "node:worker_threads";
import type { FromServerProcess, RelayLink, RelayThreadData, ToServerProcess } from "./thread-messages.js";

const workers: Worker[] = [];

process.on("message", (message: ToServerProcess) => {
  switch (message.type) {
    case "start":
      void start(message.kind, message.data);
      return;
    case "cpu": {
      const { user, system } = process.cpuUsage();
      answer({ type: "cpu", micros: user + system });
      return;
    }
    case "stop":
      for (const worker of workers) void worker.terminate();
      process.disconnect();
      return;
  }
});

// The bench is gone, however it ended.
process.on("disconnect", () => process.exit(0));

async function start(kind: "fastchat" | "bare", data: Omit<RelayThreadData, "index">): Promise<void> {
  const entry = new URL(kind === "fastchat" ? "./chat-thread.js" : "./bare-thread.js", import.meta.url);
  for (let index = 0; index < data.plan.view.members.length; index++) {
    workers.push(new Worker(entry, { workerData: { ...data, index } satisfies RelayThreadData }));
  }
  const ports = await Promise.all(
    workers.map((worker) => new Promise<number>((resolve) => worker.once("message", resolve))),
  );
  workers.forEach((one, i) => {
    workers.slice(i + 1).forEach((other, j) => {
      const { port1, port2 } = new MessageChannel();
      one.postMessage({ index: i + 1 + j, port: port1 } satisfies RelayLink, [port1]);
      other.postMessage({ index: i, port: port2 } satisfies RelayLink, [port2]);
    });
  });
  answer({ type: "ready", ports });
}

function answer(message: FromServerProcess): void {
  process.send?.(message);
}
