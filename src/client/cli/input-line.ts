/** The line that somebody types at a terminal, kept whole while other things are printed above it. */
import { createInterface, clearScreenDown, cursorTo, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";

export interface InputLineOptions {
  readonly input: Readable;
  readonly output: Writable;
  readonly prompt: string;
  /** Whether both ends are a terminal; elsewhere there is no line to keep. */
  readonly terminal: boolean;
  /** Ctrl-C. */
  readonly onInterrupt: () => void;
}

export class InputLine {
  readonly #lines: Interface;
  readonly #typed: AsyncIterator<string>;
  #open = true;
  #set: { text: string; cursor: number } | null = null;

  constructor(private readonly options: InputLineOptions) {
    const { input, output, prompt, terminal, onInterrupt } = options;
    this.#lines = createInterface({ input, ...(terminal ? { output } : {}), prompt, terminal });
    // From the first moment: a line that comes before anybody listens would be lost.
    this.#typed = this.#lines[Symbol.asyncIterator]();
    this.#lines.on("line", () => this.prompt());
    this.#lines.on("SIGINT", onInterrupt);
    this.#lines.on("close", () => {
      this.#open = false;
    });
  }

  /** The next line, in order; `null` once the input has ended or {@link close} was called. */
  async next(): Promise<string | null> {
    const { done, value } = await this.#typed.next();
    return done ? null : value;
  }

  prompt(): void {
    if (this.options.terminal && this.#open) this.#lines.prompt();
  }

  /** Takes the line off the screen; what is printed now stands in its place. */
  hide(): void {
    if (!this.options.terminal || !this.#open || this.#set !== null) return;
    this.#set = { text: this.#lines.line, cursor: this.#lines.cursor };
    // Emptied through the editor itself, so that it knows that the line no longer wraps over several rows.
    this.#lines.write(null, { ctrl: true, name: "e" });
    this.#lines.write(null, { ctrl: true, name: "u" });
    cursorTo(this.options.output, 0);
    clearScreenDown(this.options.output);
  }

  /** Puts the line back, below what was printed. */
  show(): void {
    const set = this.#set;
    this.#set = null;
    if (set === null || !this.#open) return;
    this.#lines.prompt();
    this.#lines.write(set.text);
    for (let behind = [...set.text.slice(set.cursor)].length; behind > 0; behind--) {
      this.#lines.write(null, { name: "left" });
    }
  }

  close(): void {
    this.#lines.close();
  }
}
