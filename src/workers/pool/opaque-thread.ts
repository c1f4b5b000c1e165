/** Entry of the threads that compute OPAQUE's steps for the balancer. */
import { setPriority } from "node:os";
import { runOpaqueTask, type OpaqueAnswer, type OpaqueTask } from "./opaque-task.js";

/**
 * Linux's "nice" value of these threads: where logins come faster than the cores can take them, chat servers and placements go
 * first, and logins share what is left.
 */
const NICE = 10;

// Of this thread alone, as Linux has it; elsewhere it would be the whole process's.
if (process.platform === "linux") {
  try {
    setPriority(NICE);
  } catch {
    // Somewhere that forbids it logins compete with everything else.
  }
}

export function runOpaqueTasks(tasks: readonly OpaqueTask[]): OpaqueAnswer[] {
  return tasks.map(runOpaqueTask);
}
