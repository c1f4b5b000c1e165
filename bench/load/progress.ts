/** How far a run is: a bar on a terminal, a line for each part elsewhere. */
import { createLogUpdate } from "log-update";
import type { Phase } from "./phases.js";

const BAR = 24;
/** Where there is no terminal, how often a part that goes on is told of, in milliseconds. */
const LINE_MS = 10_000;

export interface RunProgress {
  at(phase: Phase): void;
  /** A line that stays. */
  say(text: string): void;
  end(): void;
}

export function runProgress(stream: NodeJS.WriteStream): RunProgress {
  return stream.isTTY ? bar(stream) : lines(stream);
}

function bar(stream: NodeJS.WriteStream): RunProgress {
  const update = createLogUpdate(stream);
  return {
    at({ name, done, of, note = "" }) {
      const full = Math.round((BAR * Math.min(done, of)) / Math.max(1, of));
      update(`${name.padEnd(24)} ${"█".repeat(full)}${"░".repeat(BAR - full)} ${done}/${of} ${note}`);
    },
    say(text) {
      update.clear();
      stream.write(`${text}\n`);
    },
    end() {
      update.clear();
      update.done();
    },
  };
}

function lines(stream: NodeJS.WriteStream): RunProgress {
  let told = "";
  let toldAt = 0;
  return {
    at({ name, done, of, note = "" }) {
      const now = performance.now();
      if (name === told && now - toldAt < LINE_MS) return;
      told = name;
      toldAt = now;
      stream.write(`${name}: ${done} of ${of}${note === "" ? "" : `; ${note}`}\n`);
    },
    say: (text) => void stream.write(`${text}\n`),
    end: () => undefined,
  };
}
