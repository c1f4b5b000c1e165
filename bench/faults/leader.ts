/** Who leads a group of simulated people: makes it, and has some of them come and go, one after the other. */
import type { Client } from "../../src/client/core/client.js";
import { errorRecord, type ErrorCode } from "../../src/protocol/errors.js";
import type { UserName } from "../../src/protocol/ids.js";
import type { Chance } from "../simulation/chance.js";
import { elapsed, type LedGroup } from "./host-messages.js";
import type { Recorder } from "./recorder.js";

export interface LeaderContext {
  /** The leader's. */
  readonly account: string;
  readonly recorder: Recorder;
  readonly chance: Chance;
  /** What must not happen, in words. */
  onProblem(text: string): void;
}

/** How long it is between two changes on average, in milliseconds. */
const CHANGE_MS = 5_000;
/** What says that the service is away. */
const AWAY: ReadonlySet<ErrorCode> = new Set(["unreachable", "unavailable", "timeout", "conflict"]);

export class Leader {
  #next: NodeJS.Timeout | undefined;
  /** Whether a change was not answered, here or in a process before, so that what it asked for may hold although nobody was told. */
  #uncertain = true;

  constructor(
    private readonly group: LedGroup,
    private readonly context: LeaderContext,
  ) {}

  async gather(client: Client): Promise<void> {
    const { title, members } = this.group;
    const at = elapsed();
    await client.groups.create(title, members as UserName[]);
    for (const account of [this.context.account, ...members]) this.#write(account, true, at, elapsed());
  }

  /** @param client `null` to change nothing any more */
  lead(client: Client | null): void {
    clearTimeout(this.#next);
    this.#next = undefined;
    if (client === null) return;
    this.#next = setTimeout(
      () => {
        // The next one is asked for once this one is answered: their order is certain.
        void this.#change(client).then(() => {
          if (this.#next !== undefined) this.lead(client);
        });
      },
      -Math.log(1 - this.context.chance.next()) * CHANGE_MS,
    );
  }

  async #change(client: Client): Promise<void> {
    const { chance } = this.context;
    const { title, floaters } = this.group;
    try {
      const { members } = await client.groups.info(title);
      const who = chance.one(floaters);
      const isIn = members.some(({ name }) => name === who);
      const at = elapsed();
      this.#write(who, !isIn, at, null);
      await client.groups.change(title, isIn ? "remove" : "add", [who as UserName]);
      this.#write(who, !isIn, at, elapsed());
      this.#uncertain = false;
    } catch (error) {
      const { code, message } = errorRecord(error);
      // Who is in the group was read as it was known last, where the service was away.
      const heldBefore = code === "forbidden" && this.#uncertain;
      this.#uncertain = AWAY.has(code);
      if (!this.#uncertain && !heldBefore)
        this.context.onProblem(`the group "${title}" could not be changed: ${message}`);
    }
  }

  /** Of one change first that it is asked for, and then, if it is answered, the same with the time of that. */
  #write(account: string, member: boolean, at: number, until: number | null): void {
    const conversation = `#${this.group.title}`;
    this.context.recorder.write({ type: "membership", until, conversation, account, member }, at);
  }
}
