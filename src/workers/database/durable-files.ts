/**
 * The engine's files in a folder of this machine, with an fsync that is one.
 *
 * PGlite's own NodeFS lacks it: Emscripten's NODEFS has no `fsync` among its operations, and a missing one counts as
 * success, so that PostgreSQL believes what is not so.
 */
import { fsyncSync } from "node:fs";
import { NodeFS } from "@electric-sql/pglite/nodefs";
import type { PGlite } from "@electric-sql/pglite";

type Module = PGlite["Module"];

/** What is told of the engine's work on its files. `path` is as the engine sees it: `/pglite/data/pg_wal/…`. */
export interface FileEvents {
  /** So many bytes are about to be written. What it throws, an error with a system code, is what the engine is told. */
  onWrite?(path: string, bytes: number): void;
  /** The system refused something, for instance `ENOSPC`. Some refusals are ordinary, as that a file is not there. */
  onRefused?(code: string): void;
}

/** An open file of Emscripten's NODEFS. */
interface Stream {
  readonly path: string;
  /** The file descriptor. */
  readonly nfd: number;
}

type Write = (
  stream: Stream,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position?: number,
) => number;

/** The parts of Emscripten's NODEFS that are built upon here; PGlite does not declare them. */
interface NodeFsModule {
  tryFSOperation<T>(operation: () => T): T;
  readonly stream_ops: { fsync?: (stream: Stream) => number; write: Write };
}

export class DurableFiles extends NodeFS {
  constructor(
    folder: string,
    private readonly events: FileEvents,
  ) {
    super(folder);
  }

  override async init(pg: PGlite, options: Partial<Module>): Promise<{ emscriptenOpts: Partial<Module> }> {
    const { emscriptenOpts } = await super.init(pg, options);
    const hook = (module: Module): void => this.#hook(module.NODEFS as NodeFsModule);
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), hook] } };
  }

  #hook(files: NodeFsModule): void {
    const { events } = this;
    const attempt = files.tryFSOperation.bind(files);
    files.tryFSOperation = (operation) =>
      attempt(() => {
        try {
          return operation();
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          if (code !== undefined) events.onRefused?.(code);
          throw error;
        }
      });
    const write = files.stream_ops.write;
    files.stream_ops.write = (stream, buffer, offset, length, position) => {
      files.tryFSOperation(() => events.onWrite?.(stream.path, length));
      return write(stream, buffer, offset, length, position);
    };
    files.stream_ops.fsync = (stream) => {
      files.tryFSOperation(() => fsyncSync(stream.nfd));
      return 0;
    };
  }
}
