/**
 * PGlite on a folder, durable: PostgreSQL in this thread, with one session.
 *
 * Its main loop is run here and not by PGlite's `execProtocolRaw`: that one swallows every exception, so that an engine
 * that has died (a full disk under the log is a PANIC) is called again and again for ever, and it keeps the parsed
 * answers of all raw calls in memory.
 */
import { PGlite } from "@electric-sql/pglite";
import { DurableFiles, type FileEvents } from "./durable-files.js";
import { EngineJournal } from "./engine-journal.js";
import type { Session } from "./session.js";

/** PostgreSQL's major version, as the file PG_VERSION names it. */
export const ENGINE_VERSION = 18;

const SETTINGS = [
  "search_path=public",
  "exit_on_error=false",
  "log_checkpoints=false",
  // A timer for a message that nobody would see; after a recovery it would keep the thread from ending.
  "log_startup_progress_interval=0",
  "max_worker_processes=0",
  "max_parallel_workers=0",
  "max_parallel_workers_per_gather=0",
  "max_parallel_maintenance_workers=0",
  "io_method=sync",
  // What makes it durable. PGlite starts with -F, which turns fsync off; here it is left out.
  "fsync=on",
  "wal_sync_method=fsync",
  "synchronous_commit=on",
  "full_page_writes=on",
  // Memory: a page that is not here is in the operating system's cache.
  "shared_buffers=16MB",
  "maintenance_work_mem=16MB",
  "wal_buffers=2MB",
  // The server's log would quote statements and their data; errors reach whoever caused them.
  "log_min_messages=log",
  "log_min_error_statement=panic",
];

/** Single-user mode; `-O` and `-j` are PGlite's own. */
const START_PARAMETERS = ["--single", "-O", "-j", ...SETTINGS.flatMap((setting) => ["-c", setting])];

/** Exit status by which PostgreSQL's jump back to its main loop, after an error, is known. */
const MAIN_LOOP_JUMP = 100;

const GREETING_PARAMETERS = [
  "client_encoding",
  "DateStyle",
  "default_transaction_read_only",
  "integer_datetimes",
  "IntervalStyle",
  "is_superuser",
  "server_encoding",
  "server_version",
  "session_authorization",
  "standard_conforming_strings",
  "TimeZone",
];

/** The parts of PGlite's WebAssembly module that run its main loop. PGlite declares them, though not all completely. */
interface Module {
  /** Its buffer is another one once the memory has grown. */
  readonly wasmMemory: { readonly buffer: ArrayBuffer };
  addFunction(callback: (pointer: number, length: number) => number, signature: string): number;
  stackSave(): number;
  stackRestore(stack: number): void;
  _pgl_set_rw_cbs(read: number, write: number): void;
  /** Reads and does one message; ends by an exception where PostgreSQL would jump or exit. */
  _PostgresMainLoopOnce(): void;
  /** The main loop's handling of an error. */
  _PostgresMainLongJmp(): void;
  _PostgresSendReadyForQueryIfNecessary(): void;
  /** Bytes that were read and not used yet. */
  _pq_buffer_remaining_data(): number;
  _pgl_pq_flush(): void;
}

export class Engine implements Session {
  #input: Uint8Array = new Uint8Array();
  #read = 0;
  #onOutput: (chunk: Uint8Array) => void = () => undefined;
  #state: "open" | "dead" | "closed" = "open";

  private constructor(
    private readonly pg: PGlite,
    /** What a client is told when it connects. */
    readonly parameters: ReadonlyMap<string, string>,
    private readonly journal: EngineJournal,
  ) {
    const module: Module = pg.Module;
    module._pgl_set_rw_cbs(
      module.addFunction((target: number, most: number) => this.#give(module, target, most), "ipi"),
      module.addFunction((source: number, length: number) => this.#take(module, source, length), "ipi"),
    );
  }

  /**
   * Opens a folder that prepareFolder has made ready. After a crash PostgreSQL first repeats its log.
   *
   * @throws FastChatError `diskFull`, `badConfig` (the folder may not be written), `dataDamaged`
   */
  static async open(folder: string, events: FileEvents = {}): Promise<Engine> {
    const journal = new EngineJournal(folder);
    const files = new DurableFiles(folder, {
      ...events,
      onRefused(code) {
        journal.refused(code);
        events.onRefused?.(code);
      },
    });
    const onStderr = (line: string): boolean => journal.add(line);
    try {
      const pg = await PGlite.create({ fs: files, startParams: START_PARAMETERS, onStderr });
      const { rows } = await pg.query<{ name: string; setting: string }>(
        "SELECT name, setting FROM pg_settings WHERE name = ANY($1)",
        [GREETING_PARAMETERS],
      );
      return new Engine(pg, new Map(rows.map((row) => [row.name, row.setting])), journal);
    } catch (cause) {
      throw journal.failure("dataDamaged", "does not start", cause);
    }
  }

  run(input: Uint8Array, onOutput: (chunk: Uint8Array) => void): void {
    if (this.#state !== "open") throw this.journal.failure("internal", "is not running", undefined);
    const module: Module = this.pg.Module;
    this.journal.begin();
    this.#input = input;
    this.#read = 0;
    this.#onOutput = onOutput;
    try {
      while (this.#read < input.length || module._pq_buffer_remaining_data() > 0) this.#runOnce(module);
      module._PostgresSendReadyForQueryIfNecessary();
      module._pgl_pq_flush();
    } catch (error) {
      this.#state = "dead";
      throw this.journal.failure("internal", "has stopped", error);
    } finally {
      this.#input = new Uint8Array();
      this.#onOutput = () => undefined;
    }
  }

  /** Shuts the engine down in order. Whoever wants a short start afterwards runs CHECKPOINT before. */
  async close(): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "closed";
    await this.pg.close();
  }

  /** One message. */
  #runOnce(module: Module): void {
    const stack = module.stackSave();
    try {
      module._PostgresMainLoopOnce();
    } catch (error) {
      // An error of a statement jumps back to the main loop; everything else is the engine's end.
      if ((error as { status?: unknown }).status !== MAIN_LOOP_JUMP) throw error;
      module.stackRestore(stack);
      module._PostgresMainLongJmp();
    }
  }

  #give(module: Module, target: number, most: number): number {
    const part = this.#input.subarray(this.#read, this.#read + most);
    new Uint8Array(module.wasmMemory.buffer, target, most).set(part);
    this.#read += part.length;
    return part.length;
  }

  #take(module: Module, source: number, length: number): number {
    // A copy: the engine uses its buffer again.
    this.#onOutput(new Uint8Array(module.wasmMemory.buffer, source, length).slice());
    return length;
  }
}
