/** What the system spends between two moments, as its watcher tells. */
import type { FromInside } from "../service/inside-messages.js";

export interface Cost {
  /** Of the whole process, and of the chat servers' threads alone, in microseconds. */
  readonly processCpuMicros: number;
  readonly chatCpuMicros: number;
  /** Between all chat servers. */
  readonly linkBytes: number;
  readonly ms: number;
}

export class Costs {
  #processCpuMicros = 0;
  readonly #threads = new Map<string, { readonly cpuMicros: number; readonly linkBytes: number }>();

  note(message: FromInside): void {
    if (message.type === "process") this.#processCpuMicros = message.cpuMicros;
    else if (message.type === "thread" && message.thread.startsWith("chat-"))
      this.#threads.set(message.thread, message);
  }

  /**
   * @param settleMs how long afterwards it is waited until all is told, in milliseconds
   */
  async during(work: () => Promise<void>, settleMs: number): Promise<Cost> {
    const before = this.#now();
    await work();
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const after = this.#now();
    return {
      processCpuMicros: after.processCpuMicros - before.processCpuMicros,
      chatCpuMicros: after.chatCpuMicros - before.chatCpuMicros,
      linkBytes: after.linkBytes - before.linkBytes,
      ms: after.ms - before.ms,
    };
  }

  #now(): Cost {
    const threads = [...this.#threads.values()];
    return {
      processCpuMicros: this.#processCpuMicros,
      chatCpuMicros: threads.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0),
      linkBytes: threads.reduce((sum, { linkBytes }) => sum + linkBytes, 0),
      ms: performance.now(),
    };
  }
}
