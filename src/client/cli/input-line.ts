/** The line that somebody types at a terminal, kept whole while other things are printed above it. */
import { clearScreenDown, createInterface, cursorTo, moveCursor, type Interface } from "node:readline";
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
  #hidden = false;
  #closed = false;

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
    const typed = await this.#typed.next();
    return typed.done === true ? null : typed.value;
  }

  /** Begins the line with a text, as if it had been typed; only at a terminal. */
  begin(text: string): void {
    if (this.options.terminal && this.#open && text !== "") this.#lines.write(text);
  }

  /** What stands in the line and was not entered; empty where there is no terminal. */
  get begun(): string {
    return this.options.terminal ? this.#lines.line : "";
  }

  prompt(): void {
    if (this.options.terminal && this.#open) this.#lines.prompt();
  }

  /** Takes the line off the screen; what is printed now stands in its place. */
  hide(): void {
    if (!this.options.terminal || !this.#open) return;
    const { output } = this.options;
    moveCursor(output, 0, -this.#lines.getCursorPos().rows);
    cursorTo(output, 0);
    clearScreenDown(output);
    // Where the editor believes its cursor to be, in rows below the line's first. It goes up by as many to draw the
    // line anew, and would otherwise write over what was printed. Node has no call to say so.
    Object.assign(this.#lines, { prevRows: 0 });
    this.#hidden = true;
  }

  /** Puts the line back, below what was printed, the cursor where it was. */
  show(): void {
    if (!this.#hidden) return;
    this.#hidden = false;
    if (this.#open) this.#lines.prompt(true);
  }

  /** Ends the input, and the line that was begun: what the shell prints next starts on a line of its own. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#lines.close();
    if (this.options.terminal) this.options.output.write("\n");
  }
}
