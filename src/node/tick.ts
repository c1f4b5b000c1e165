/** Work gathered over one turn of the event loop and done once at its end: what makes writes and posts large. */

let queue: (() => void)[] = [];

/**
 * Runs `flush` once this turn of the event loop has read all its sockets and ports.
 *
 * setImmediate and not nextTick: nextTick runs after every single callback, so that what came from two hundred
 * sockets in one turn would leave in two hundred writes.
 */
export function atTickEnd(flush: () => void): void {
  if (queue.length === 0) setImmediate(runQueue);
  queue.push(flush);
}

function runQueue(): void {
  const flushes = queue;
  queue = [];
  let run = 0;
  try {
    for (const flush of flushes) {
      run++;
      flush();
    }
  } finally {
    // One that throws must not take with it what others had to write.
    for (const flush of flushes.slice(run)) atTickEnd(flush);
  }
}
