/** The end of a run: everything is healed and becomes quiet; then people's histories are held to what was promised. */
import type { HistoryEntry } from "../../src/client/core/messages.js";
import type { MessageId } from "../../src/protocol/ids.js";
import { checkHistory } from "../history/checker.js";
import { describeViolation, type HistoryCounts } from "../history/verdict.js";
import type { ArchiveRecord, HistoryEvent } from "../history/events.js";
import { isPeoples } from "../history/naming.js";
import { archiveRecord, wholeHistory } from "./person.js";
import type { World } from "./world.js";

export interface Ending {
  readonly counts: HistoryCounts;
  /** What is wrong, in sentences; nothing if all is well. */
  readonly violations: readonly string[];
  /** By name, oldest first, as a device reads it that knows nothing but the password. */
  readonly archives: ReadonlyMap<string, readonly HistoryEntry[]>;
}

/** How long everything has to become quiet once it is healed, in milliseconds. */
const QUIET_MS = 300_000;
/** How often is looked whether it is quiet, in milliseconds. */
const LOOK_MS = 1_000;

/** Judges a world in which nothing is broken any more; clients that were killed are started again. */
export function end(world: World): Promise<Ending> {
  return new EndOfWorld(world).judge();
}

class EndOfWorld {
  readonly #violations: string[] = [];

  constructor(private readonly world: World) {}

  async judge(): Promise<Ending> {
    const { world } = this;
    if (!world.up) world.start();
    await this.#becomeQuiet();
    const archives = new Map<string, HistoryEntry[]>();
    const views: ArchiveRecord[] = [];
    for (const { name, user, client } of world.people.values()) {
      if (name === user) archives.set(name, await world.archive(name));
      if (client === null) continue;
      views.push(archiveRecord(user, name, await world.finish(wholeHistory(client))));
    }
    this.#addWireAnswers(archives);
    const verdict = checkHistory(
      world.events.map((event) => this.#named(event)),
      [...[...archives].map(([name, entries]) => archiveRecord(name, null, entries)), ...views],
    );
    const told = verdict.violations.map(describeViolation);
    return {
      counts: verdict.counts,
      // What did not come to rest explains what is not there yet, and stands first.
      violations: [...this.#violations, ...told, ...world.faults],
      archives,
    };
  }

  /** Everybody is back, reads and listens; what was promised has all the time it needs. */
  async #becomeQuiet(): Promise<void> {
    const { world } = this;
    const people = [...world.people.values()];
    for (const person of people) person.revive();
    await this.#until("everything is sent", () => this.#unsent().length === 0 && world.unsettled === 0);
    for (const what of this.#unsent()) this.#violations.push(what);
    // A copy that a dead home committed late waits for the next session to come, which finds that it is one.
    for (const person of people) {
      person.kill();
      person.revive();
    }
    const waiting = (): number => world.tables.deliveries.rows.size;
    await this.#until(
      "nothing waits",
      () =>
        waiting() === 0 &&
        world.unsettled === 0 &&
        this.#unsent().length === 0 &&
        this.#allLive() &&
        world.system.complete,
    );
    if (waiting() > 0) this.#violations.push(`${waiting()} deliveries stay in the database`);
    if (world.unsettled > 0) this.#violations.push(`${world.unsettled} messages stay unsettled`);
    if (!world.system.complete) this.#violations.push("the system did not become complete");
  }

  #allLive(): boolean {
    return [...this.world.people.values()].every(({ listening }) => listening);
  }

  #unsent(): string[] {
    const wrong: string[] = [];
    for (const { name, unanswered: sends, device, wireSent, wireAnswers } of this.world.people.values()) {
      if (sends > 0) wrong.push(`${name} waits for ${sends} sends to be answered`);
      const left = [...device.disk.files.keys()].filter((file) => file.startsWith("outbox-"));
      if (left.length > 0) wrong.push(`${name}'s outbox keeps ${left.length} files`);
      const unanswered = [...wireSent].filter((id) => !wireAnswers.has(id));
      if (unanswered.length > 0) wrong.push(`${name} was not answered for ${unanswered.length} messages`);
    }
    return wrong;
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    const end = this.world.clock.now() + QUIET_MS;
    while (!condition() && this.world.clock.now() < end) await this.world.pass(LOOK_MS);
    if (!condition()) this.#violations.push(`not within ${QUIET_MS} ms: ${what}`);
  }

  /** Whom a client knows no name of it tells by their account. */
  #named(event: HistoryEvent): HistoryEvent {
    if (event.type !== "accepted" || event.refused.length === 0) return event;
    const people = [...this.world.people.values()];
    const nameOf = (told: string): string => people.find(({ account }) => account === told)?.user ?? told;
    return { ...event, refused: event.refused.map(nameOf) };
  }

  /** What the wire said and the client died before it could say: it was said all the same. */
  #addWireAnswers(archives: ReadonlyMap<string, readonly HistoryEntry[]>): void {
    const texts = new Map<MessageId, string>();
    for (const entries of archives.values()) {
      for (const { id, text } of entries) if (id !== null && text !== "") texts.set(id, text);
    }
    for (const { name, wireAnswers } of this.world.people.values()) {
      for (const [id, { at, refused, refusing, toGroup }] of wireAnswers) {
        const message = texts.get(id);
        // A title that is told once more stands in nobody's history.
        if (message === undefined && !refused && !toGroup) {
          this.#violations.push(`${id}, which ${name} sent, was accepted and stands nowhere`);
        } else if (message !== undefined && isPeoples(message)) {
          this.world.events.push(
            refused
              ? { type: "refused", at, message, code: "queueFull" }
              : {
                  type: "accepted",
                  at,
                  message,
                  refused: refusing,
                },
          );
        }
      }
    }
  }
}
