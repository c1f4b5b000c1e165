#!/usr/bin/env node
/** Entry of `fastchat`. */
import { errorRecord, ERRORS } from "../../protocol/errors.js";
import { runProgram } from "./program.js";

/** A process that has nothing left to do but does not end, because something was not released, is ended after this. */
const LINGER_MS = 3000;

function onDefect(error: unknown): void {
  const { code, message } = errorRecord(error);
  process.stderr.write(`fastchat: ${message} ${ERRORS[code].advice}\n`);
  if (process.env["FASTCHAT_DEBUG"]) console.error(error);
  process.exit(ERRORS[code].exit);
}

process.on("uncaughtException", onDefect);
process.on("unhandledRejection", onDefect);

await runProgram(process.argv.slice(2));
setTimeout(() => process.exit(), LINGER_MS).unref();
