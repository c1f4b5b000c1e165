#!/usr/bin/env node
/** Entry of `system`: runs a whole FastChat service, or an operator's command to one that runs. */
import { constants } from "node:os";
import { createLog } from "./node/log.js";
import { OPERATOR_COMMANDS } from "./operator/commands.js";
import { configOf } from "./supervisor/command-line.js";
import { explain, recordOf } from "./supervisor/explain.js";
import { openScreen } from "./supervisor/screen.js";
import { SystemRun } from "./supervisor/system-run.js";
import { ERRORS } from "./protocol/errors.js";

/**
 * A second signal sooner than this after the first is the same wish: on a terminal Ctrl-C reaches this process and
 * npm above it, which passes it on. In milliseconds.
 */
const SAME_WISH_MS = 1000;

/** @returns the exit code */
async function main(): Promise<number> {
  if (OPERATOR_COMMANDS.has(process.argv[2] ?? "")) {
    // Its own imports: a start need not load what commands need, nor the other way round.
    const { runOperatorProgram } = await import("./operator/program.js");
    await runOperatorProgram(process.argv.slice(2));
    return Number(process.exitCode ?? 0);
  }
  const config = await configOf(process.argv.slice(2), process.env, process.cwd());
  if (config === null) return 0;
  // Whatever is written from here on is its owner's alone.
  process.umask(0o077);
  // These have been read. What remains of the environment no thread gets to see anyway; this is for those that inherit
  // from this one, and so that the libpq variables mean as little here as there.
  for (const name of Object.keys(process.env)) if (/^(PG|FASTCHAT_)/.test(name)) delete process.env[name];

  const screen = openScreen({ format: config.log.format, stream: process.stdout, env: process.env });
  // Whoever read the output is gone: no reason to stop serving.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
  const system = new SystemRun(config, screen);
  process.on("uncaughtException", (error) => {
    const log = createLog(config.log, { thread: "supervisor" }, (line) => screen.logLine(line.trimEnd()));
    log.error({ error }, "a defect ended the system");
    screen.close();
    console.error(explain(recordOf(error)));
    abandon(system);
    process.exit(ERRORS.internal.exit);
  });

  let askedAt: number | null = null;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (askedAt === null) {
        askedAt = performance.now();
        system.stop();
      } else if (performance.now() - askedAt > SAME_WISH_MS) {
        screen.close();
        abandon(system);
        process.exit(128 + constants.signals[signal]);
      }
    });
  }
  try {
    const reason = await system.run();
    screen.close();
    if (reason === null) return 0;
    console.error(explain(reason));
    return ERRORS[reason.code].exit;
  } catch (error) {
    screen.close();
    throw error;
  }
}

function abandon(system: SystemRun): void {
  try {
    system.abandon();
  } catch {
    // The process ends anyway, for a reason that has been told.
  }
}

try {
  process.exit(await main());
} catch (error) {
  const reason = recordOf(error);
  console.error(explain(reason));
  process.exit(ERRORS[reason.code].exit);
}
