/** Where the command line writes: results to standard output, everything else to standard error. */
import type { Writable } from "node:stream";
import { Chalk, supportsColor, supportsColorStderr, type ChalkInstance } from "chalk";
import { printableJson } from "./printable.js";

/** Whoever read our output has gone, as `head` does once it has enough. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

export interface Streams {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

export class Output {
  /** Colours for standard output: none unless it is a terminal. */
  readonly paint: ChalkInstance;
  readonly #paintNotes: ChalkInstance;
  #closed = false;
  #beforeWrite: () => void = () => undefined;
  #afterWrite: () => void = () => undefined;

  /**
   * @param json whether results and errors are printed as JSON, one object a line
   * @param program who speaks, in front of what is no result
   */
  constructor(
    private readonly streams: Streams,
    readonly json: boolean,
    env: Readonly<Record<string, string | undefined>>,
    private readonly program = "fastchat",
  ) {
    // https://no-color.org: any value but the empty one.
    const plain = json || Boolean(env["NO_COLOR"]);
    this.paint = new Chalk({ level: plain || !supportsColor ? 0 : supportsColor.level });
    this.#paintNotes = new Chalk({ level: plain || !supportsColorStderr ? 0 : supportsColorStderr.level });
    // Errors come to the callbacks of `write`; without a listener the event would end the process.
    streams.stdout.on("error", () => undefined);
    streams.stderr.on("error", () => undefined);
  }

  /** Whether a result could not be written: nobody reads standard output any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Has something done around everything that is written, as an input line needs that must stay intact. */
  around(beforeWrite: () => void, afterWrite: () => void): void {
    this.#beforeWrite = beforeWrite;
    this.#afterWrite = afterWrite;
  }

  /**
   * Writes a result; kept once the operating system has it.
   *
   * @throws OutputClosed
   */
  line(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#beforeWrite();
      this.streams.stdout.write(`${text}\n`, (error) => {
        this.#closed ||= Boolean(error);
        if (error) reject(new OutputClosed("Standard output is closed.", { cause: error }));
        else resolve();
      });
      this.#afterWrite();
    });
  }

  /** Tells a person something that is not part of the result. */
  note(text: string): void {
    this.#error(this.json ? printableJson({ note: text }) : this.#paintNotes.dim(`${this.program}: ${text}`));
  }

  failure(text: string): void {
    this.#error(`${this.#paintNotes.red(`${this.program}:`)} ${text}`);
  }

  /** A line of JSON for whoever reads standard error. */
  failureJson(json: string): void {
    this.#error(json);
  }

  #error(text: string): void {
    this.#beforeWrite();
    this.streams.stderr.write(`${text}\n`);
    this.#afterWrite();
  }
}
