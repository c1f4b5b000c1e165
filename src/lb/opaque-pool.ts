/** OPAQUE on threads of their own, so that five hundred logins at once do not hold up a placement. */
import { Piscina } from "piscina";
import { FastChatError } from "../protocol/errors.js";
import { Batches } from "../node/batches.js";
import { runOpaqueTask, type OpaqueAnswer, type OpaqueTask } from "../workers/pool/opaque-task.js";
import type { OpaqueServer } from "./opaque-server.js";

export interface OpaquePoolOptions {
  /** The service's lasting OPAQUE secret, as the library spells it. */
  readonly setup: string;
  /** The most threads; one is always ready, the others end when they are idle. */
  readonly threads: number;
  /** Tasks that may wait for a thread. */
  readonly maxQueue: number;
}

/** Tasks that go to a thread together, at most: some milliseconds of work, so that what comes next does not wait long. */
const MOST_TOGETHER = 8;
const IDLE_MS = 10_000;
const RETRY_MS = 1000;

/** @throws FastChatError `badConfig` where the setup is none */
export async function openOpaquePool(options: OpaquePoolOptions): Promise<OpaqueServer> {
  const { threads } = options;
  const pool = new Piscina<readonly OpaqueTask[], readonly OpaqueAnswer[]>({
    filename: new URL("../workers/pool/opaque-thread.js", import.meta.url).href,
    name: "runOpaqueTasks",
    minThreads: 1,
    maxThreads: threads,
    maxQueue: threads,
    idleTimeout: IDLE_MS,
    // Waiting for tasks by Atomics would freeze the worker's event loop.
    atomics: "disabled",
    env: {},
  });
  const batches = new Batches<OpaqueTask, OpaqueAnswer>({
    work: (tasks) => pool.run(tasks),
    most: MOST_TOGETHER,
    atOnce: threads,
  });
  const run = async (task: OpaqueTask): Promise<OpaqueAnswer> => {
    if (batches.waiting >= options.maxQueue) throw overloaded();
    try {
      return await batches.add(task);
    } catch (cause) {
      throw overloaded({ cause });
    }
  };
  const { setup } = options;
  const made = await run({ type: "decoy", setup });
  if (made.type !== "done") {
    await pool.destroy();
    throw new FastChatError("badConfig", "The service's OPAQUE secret is damaged; restore it from a backup.");
  }
  return {
    decoy: made.text,
    async register(name, request) {
      const answer = await run({ type: "register", setup, name, request });
      if (answer.type !== "done") throw notOpaque(answer);
      return answer.text;
    },
    async isRecord(name, record) {
      const answer = await run({ type: "checkRecord", setup, name, record });
      return answer.type === "done";
    },
    async startLogin(name, record, request) {
      const answer = await run({ type: "startLogin", setup, name, record, request });
      if (answer.type !== "started") throw notOpaque(answer);
      return answer;
    },
    finishLogin(name, state, request) {
      // It compares a MAC, in a hundredth of the time of the other steps: a thread would cost more than it saves.
      return Promise.resolve(runOpaqueTask({ type: "finishLogin", name, state, request }).type === "done");
    },
    close: () => pool.destroy(),
  };
}

/** Too many wait, or a thread died. */
function overloaded(options?: ErrorOptions): FastChatError {
  return new FastChatError("unavailable", "Too many logins wait already.", RETRY_MS, options);
}

function notOpaque(answer: OpaqueAnswer): FastChatError {
  const cause = answer.type === "refused" ? new Error(answer.reason) : undefined;
  return new FastChatError("badRequest", "request is not a message of OPAQUE.", undefined, { cause });
}
