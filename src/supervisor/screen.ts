/** Standard output: log lines as they come, for people or for machines, and on a terminal a live table below them. */
import type { WriteStream } from "node:tty";
import chalkOfProcess, { Chalk, type ChalkInstance, type ColorSupportLevel } from "chalk";
import { createLogUpdate } from "log-update";
import { prettyFactory } from "pino-pretty";
import type { Config } from "../config.js";
import { BoundedOutput } from "./bounded-output.js";
import { drawTable, type Row } from "./table.js";

/** The table is drawn again no more often than this, in milliseconds. */
const REDRAW_MS = 250;

export interface Screen {
  readonly chalk: ChalkInstance;
  /** Shows a line that a thread wrote: a JSON object of its log, or whatever else it printed. */
  logLine(line: string): void;
  /** Shows lines for people as they are; where output is JSON they are left out. */
  notice(text: string): void;
  /** Says what the table shows from now on. Without effect where there is none. */
  showTable(rows: () => readonly Row[]): void;
  /** Leaves the terminal as it was found, the last table on it. */
  close(): void;
}

export interface ScreenOptions {
  readonly format: Config["log"]["format"];
  readonly stream: NodeJS.WriteStream | WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function openScreen({ format, stream, env }: ScreenOptions): Screen {
  const live = format === "pretty" && stream.isTTY && env["TERM"] !== "dumb";
  // no-color.org: whatever its value, unless it is empty.
  const plain =
    Boolean(env["NO_COLOR"]) || ((env["TERM"] === "dumb" || !stream.isTTY) && !env["FORCE_COLOR"]);
  const chalk = new Chalk({ level: plain ? 0 : atLeastOne(chalkOfProcess.level) });
  const show = format === "json" ? (line: string) => `${line}\n` : prettyLines(chalk.level > 0);
  if (!live) {
    const output = new BoundedOutput(stream, (lines) => show(leftOutLine(lines)));
    return {
      chalk,
      logLine: (line) => output.write(show(line)),
      notice: (text) => {
        if (format === "pretty") output.write(`${text}\n`);
      },
      showTable: () => undefined,
      close: () => undefined,
    };
  }
  return new LiveScreen(chalk, stream, show);
}

function leftOutLine(lines: number): string {
  const time = new Date().toISOString();
  return JSON.stringify({ level: "warn", time, thread: "supervisor", lines, msg: "nobody read these lines" });
}

function atLeastOne(level: ColorSupportLevel): ColorSupportLevel {
  return level === 0 ? 1 : level;
}

/** Shows a JSON line as `12:00:01 INFO  chat-1: message`, its other fields after it. */
function prettyLines(colorize: boolean): (line: string) => string {
  const pretty = prettyFactory({
    colorize,
    colorizeObjects: colorize,
    singleLine: true,
    translateTime: "SYS:HH:MM:ss",
    messageFormat: "{thread}: {msg}",
    ignore: "pid,hostname,thread",
    errorLikeObjectKeys: [],
  });
  return (line) => pretty(line) ?? `${line}\n`;
}

class LiveScreen implements Screen {
  readonly #update: ReturnType<typeof createLogUpdate>;
  #rows: () => readonly Row[] = () => [];
  /** Lines that stand above the table once it is drawn again. */
  #above = "";
  #drawn = 0;
  #drawAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(
    readonly chalk: ChalkInstance,
    private readonly stream: NodeJS.WriteStream | WriteStream,
    private readonly show: (line: string) => string,
  ) {
    this.#update = createLogUpdate(stream);
  }

  logLine(line: string): void {
    this.#write(this.show(line));
  }

  notice(text: string): void {
    this.#write(`${text}\n`);
  }

  showTable(rows: () => readonly Row[]): void {
    this.#rows = rows;
    this.#soon(Math.max(0, this.#drawn + REDRAW_MS - performance.now()));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#draw();
    this.#update.done();
  }

  #write(text: string): void {
    if (this.#closed) {
      this.stream.write(text);
      return;
    }
    this.#above += text;
    this.#soon(0);
  }

  #soon(inMs: number): void {
    const at = performance.now() + inMs;
    if (this.#closed || (this.#timer !== null && this.#drawAt <= at)) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#drawAt = at;
    this.#timer = setTimeout(() => this.#draw(), inMs);
    this.#timer.unref();
  }

  #draw(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#drawn = performance.now();
    if (this.#above !== "") {
      this.#update.clear();
      this.stream.write(this.#above);
      this.#above = "";
    }
    const rows = this.#rows();
    if (rows.length > 0) this.#update(`\n${drawTable(rows, this.stream.columns ?? 80, this.chalk)}`);
  }
}
