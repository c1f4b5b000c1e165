/** A process that contends for a lock (socket-lock.test.ts): `node lock-contender.js try|wait PATH [TIMES]`, then lines on standard input. */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { acquireLock, withLock } from "../../src/node/socket-lock.js";
import { FastChatError } from "../../src/protocol/errors.js";

const [mode, path, times = "1"] = process.argv.slice(2);
if (path === undefined) throw new Error("a path is missing");
const lines = createInterface({ input: process.stdin });

async function contend(lock: string): Promise<void> {
  try {
    const release = await acquireLock(lock);
    console.log("held");
    await once(lines, "line");
    await release();
    console.log("released");
  } catch (error) {
    console.log(error instanceof FastChatError ? error.code : String(error));
  }
}

if (mode === "try") {
  await Promise.all(Array.from({ length: Number(times) }, () => contend(path)));
} else {
  // Twice what a lost lock would show: both would be inside at once.
  await withLock(path, async () => {
    console.log("in");
    await new Promise((resolve) => setImmediate(resolve));
    console.log("out");
  });
}
lines.close();
