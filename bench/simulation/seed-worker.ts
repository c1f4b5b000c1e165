/** A worker process of the command: runs schedules by their seeds, one at a time. Started with `--conditions=simulation`. */
import { runSeed, shrinkSeed } from "./seeds.js";
import type { FromWorker, ToWorker } from "./seed-messages.js";

const say = (message: FromWorker): void => void process.send?.(message);

process.on("message", (message: ToWorker) => {
  void answer(message);
});
process.on("disconnect", () => process.exit());

async function answer(message: ToWorker): Promise<void> {
  switch (message.type) {
    case "run":
      say(await runSeed(message.seed));
      return;
    case "shrink":
      say(await shrinkSeed(message.seed, (tries, actions) => say({ type: "shrinking", tries, actions })));
      return;
  }
}
