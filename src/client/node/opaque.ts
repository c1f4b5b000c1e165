/** OPAQUE (RFC 9807) for the client, in a worker thread: hashing the password takes some hundred milliseconds. */
import { Piscina } from "piscina";
import { fromBase64Url } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import type { OpaqueClient } from "../core/ports.js";
import type { FinishInput, OpaqueAnswer, OpaqueTask } from "./opaque-task.js";

type Done<Type extends OpaqueAnswer["type"]> = Extract<OpaqueAnswer, { type: Type }>;

/** Bytes of the export key: one SHA-512 output. */
const EXPORT_KEY_BYTES = 64;
/** What a service may ask a client to spend on one hash: no device shall be stalled for minutes by a liar's numbers. */
const MAX_MEMORY_KIB = 1024 * 1024;
const MAX_MEMORY_PASSES_KIB = 8 * 1024 * 1024;

/**
 * Tasks that a thread may hold; it does one after the other. With one, the next would leave only once this side's event loop
 * has heard of the one before: where a process has hundreds of people, as a laboratory's, that is a long turn of it.
 */
const QUEUED_PER_THREAD = 32;

export interface OpaqueWorkerOptions {
  /** How many passwords may be hashed at once; each holds the memory its hash costs. */
  readonly threads: number;
}

export class OpaqueWorker implements OpaqueClient {
  readonly #pool: Piscina<OpaqueTask, OpaqueAnswer>;

  constructor({ threads }: OpaqueWorkerOptions = { threads: 1 }) {
    this.#pool = new Piscina({
      filename: new URL("./opaque-task.js", import.meta.url).href,
      name: "runOpaqueTask",
      minThreads: 0,
      maxThreads: threads,
      concurrentTasksPerWorker: QUEUED_PER_THREAD,
      idleTimeout: 1000,
      // Waiting for tasks by Atomics would freeze the worker's event loop.
      atomics: "disabled",
      // The password may stand in a variable; a thread that gets it by message needs none.
      env: {},
    });
  }

  startRegistration(password: string): Promise<{ state: string; request: string }> {
    return this.#start({ type: "startRegistration", password });
  }

  async finishRegistration(input: FinishInput): Promise<{ record: string; exportKey: Uint8Array }> {
    const answer = await this.#finish({ type: "finishRegistration", ...input });
    if (answer === null) throw unexpected();
    return { record: answer.message, exportKey: answer.exportKey };
  }

  startLogin(password: string): Promise<{ state: string; request: string }> {
    return this.#start({ type: "startLogin", password });
  }

  async finishLogin(input: FinishInput): Promise<{ request: string; exportKey: Uint8Array } | null> {
    const answer = await this.#finish({ type: "finishLogin", ...input });
    return answer === null ? null : { request: answer.message, exportKey: answer.exportKey };
  }

  /** Ends the threads. Steps under way fail. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #start(task: OpaqueTask): Promise<{ state: string; request: string }> {
    const answer = await this.#run(task);
    if (answer.type !== "started") throw unexpected();
    return { state: answer.state, request: answer.request };
  }

  async #finish(task: OpaqueTask & FinishInput): Promise<{ message: string; exportKey: Uint8Array } | null> {
    const { memoryKiB, iterations } = task.stretching;
    if (memoryKiB > MAX_MEMORY_KIB || memoryKiB * iterations > MAX_MEMORY_PASSES_KIB) {
      throw new FastChatError(
        "forbidden",
        `The service asks for a password hash of ${memoryKiB} KiB and ${iterations} passes, which is more than this client gives.`,
      );
    }
    const answer = await this.#run(task);
    if (answer.type === "wrongPassword") return null;
    const exportKey = answer.type === "finished" ? fromBase64Url(answer.exportKey) : null;
    if (answer.type !== "finished" || exportKey?.length !== EXPORT_KEY_BYTES) throw unexpected();
    return { message: answer.message, exportKey };
  }

  async #run(task: OpaqueTask): Promise<Done<"started" | "finished" | "wrongPassword">> {
    const answer = await this.#pool.run(task);
    if (answer.type !== "failed") return answer;
    throw new FastChatError(
      "badFrame",
      "The service's part of the password exchange cannot be used.",
      undefined,
      { cause: new Error(answer.reason) },
    );
  }
}

function unexpected(): FastChatError {
  return new FastChatError("internal", "The OPAQUE library answered what it does not promise.");
}
