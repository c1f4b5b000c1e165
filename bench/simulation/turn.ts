/** The moment when every promise that could go on has gone on: only then may the next thing happen. */

/** Node drains all microtasks before it calls what `nextTick` was given, those that came meanwhile included. */
export function promisesDrained(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

/** The next turn of the real event loop, in which Node also tells of rejections that nobody took. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
