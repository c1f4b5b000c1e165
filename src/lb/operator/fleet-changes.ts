/** What happened between two pictures of all threads, in words for people. */
import type { LoadEvent } from "../../protocol/operator.js";
import type { ThreadStatus } from "../../protocol/threads.js";

export type NewEvent = Omit<LoadEvent, "at">;

/** @returns nothing for the first picture: what came before it is not known */
export function changesOf(before: readonly ThreadStatus[], after: readonly ThreadStatus[]): NewEvent[] {
  if (before.length === 0) return [];
  const old = new Map(before.map((thread) => [thread.id, thread]));
  const now = new Set(after.map(({ id }) => id));
  return [
    ...after.flatMap((thread) => {
      const was = old.get(thread.id);
      return was === undefined ? [event("added", thread, "was added")] : changesOfThread(was, thread);
    }),
    ...before.filter(({ id }) => !now.has(id)).map(removalEvent),
  ];
}

function changesOfThread(was: ThreadStatus, is: ThreadStatus): NewEvent[] {
  const events: NewEvent[] = [];
  if (isWell(was) && isDown(is)) {
    events.push(
      event("died", is, is.life === "dying" ? "does not answer and is ended" : "died; it is started again"),
    );
  }
  // A short rest may lie between two pictures: the count of starts shows it all the same.
  if (
    is.life === "running" &&
    (isDown(was) || was.life === "starting" || was.restarts < is.restarts) &&
    is.restarts > 0
  ) {
    events.push(event("returned", is, `serves again, after ${restarts(is.restarts)}`));
  }
  if (was.duty !== is.duty) events.push(dutyEvent(is));
  if (was.trouble !== is.trouble) {
    events.push(
      is.trouble === null
        ? event("recovered", is, "has all it needs again")
        : event("trouble", is, `goes on as well as it can: ${is.trouble}`),
    );
  }
  return events;
}

/** One that was to serve was given up, or had not come back when it was told to go. */
function removalEvent(was: ThreadStatus): NewEvent {
  return event("removed", was, was.duty === "retiring" ? "is gone, as an operator wished" : "is gone");
}

function dutyEvent(is: ThreadStatus): NewEvent {
  switch (is.duty) {
    case "serving":
      return event("resumed", is, "takes people again");
    case "draining":
      return event("draining", is, "is drained: it takes nobody new, and its sessions move away");
    case "retiring":
      return event("draining", is, "is drained and ends once nobody is left there");
  }
}

function event(kind: NewEvent["kind"], { id }: ThreadStatus, what: string): NewEvent {
  return { kind, thread: id, text: `${id} ${what}` };
}

function isWell({ life }: ThreadStatus): boolean {
  return life === "running" || life === "starting";
}

function isDown({ life }: ThreadStatus): boolean {
  return life === "dying" || life === "resting";
}

function restarts(count: number): string {
  return count === 1 ? "1 restart" : `${count} restarts`;
}
