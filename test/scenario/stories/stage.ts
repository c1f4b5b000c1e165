/**
 * What the stories of this folder are told with: FastChat whole in simulated time, people who write to each other, and
 * at the end what each of them was told and has in their history, beside the judgement of the history checker.
 */
import type { Test } from "tap";
import { end, type Ending } from "../../../bench/simulation/ending.js";
import type { Person } from "../../../bench/simulation/person.js";
import { homeOf } from "../../../src/protocol/view.js";
import { World, type WorldOptions } from "../../../bench/simulation/world.js";

/** Where a person's mailbox is at home and would be if that server were gone, and where their client is connected. */
export interface Place {
  readonly home: string;
  readonly nextHome: string;
  readonly server: string;
}

/** A server that was killed stays away until a story has ended: a view without it is all that comes of it. */
export const LONG_DEAD = { timeouts: { restartMinMs: 60_000, restartMaxMs: 60_000 } };

/** A server that was killed is back sooner than a client stops writing behind what is not accepted. */
export const SHORTLY_DEAD = { timeouts: { restartMinMs: 1_000 } };

/** A story that needs more people than this to find one in the right place has asked for a place that is none. */
const MOST_CANDIDATES = 40;
const GREETING = "hello from";
/** After which everything that people have said is archived and acknowledged, in milliseconds. */
const SOON_MS = 1_000;

export class Stage {
  private constructor(
    private readonly t: Test,
    readonly world: World,
  ) {}

  static async set(t: Test, options: Omit<WorldOptions, "seed"> = {}): Promise<Stage> {
    return new Stage(t, await World.begin({ seed: 1, strategy: "round-robin", ...options }));
  }

  /**
   * Alice and Bob, who know each other, and listen.
   *
   * @param fits what has to be so of Alice's place and Bob's
   */
  static async ofTwo(
    t: Test,
    options: Omit<WorldOptions, "seed"> = {},
    fits: (alice: Place, bob: Place) => boolean = () => true,
  ) {
    const stage = await Stage.set(t, options);
    const alice = await stage.person("alice");
    const bob = await stage.person("bob", (place) => fits(stage.place(alice), place));
    await stage.meet(alice, bob);
    return { stage, world: stage.world, alice, bob };
  }

  /** Somebody who is there and listens. Of those who do not fit each has another name, and plays no part. */
  async person(name: string, fits: (place: Place) => boolean = () => true): Promise<Person> {
    for (let i = 1; i <= MOST_CANDIDATES; i++) {
      const person = await this.world.join(i === 1 ? name : `${name}-${i}`);
      await this.world.until(() => this.world.serverOf(person.name) !== null);
      await this.world.settle();
      if (fits(this.place(person))) return person;
      person.kill();
    }
    throw new Error(`nobody called ${name} is in the right place`);
  }

  place({ name, account }: Person): Place {
    const { view } = this.world.system.state;
    const home = homeOf(view, account)?.id;
    const others = view.members.filter(({ id }) => id !== home);
    return {
      home: home ?? "none",
      nextHome: homeOf({ ...view, members: others }, account)?.id ?? "none",
      server: this.world.serverOf(name) ?? "none",
    };
  }

  /** Somebody writes these texts to somebody, one right after the other. */
  say(from: Person, to: Person, ...texts: readonly string[]): void {
    for (const text of texts) from.say(to.name, text);
  }

  /**
   * They write to each other for the first time: each has the other's card from then on, an archive, and a mailbox that
   * is open. Of these greetings nothing more is told.
   */
  async meet(...people: readonly Person[]): Promise<void> {
    for (const from of people) {
      for (const to of people) {
        if (from === to) continue;
        const greeting = `${GREETING} ${from.name} to ${to.name}`;
        this.say(from, to, greeting);
        await this.world.until(() => this.#shown(to.name).includes(greeting));
      }
    }
    await this.world.pass(SOON_MS);
  }

  /** What became of the messages of a person, as their client said it: the texts, and codes of those refused. */
  told({ name }: Person): string[] {
    const told = new Map<string, string>();
    for (const event of this.world.events) {
      if (event.type === "accepted" && !told.has(event.message)) told.set(event.message, event.message);
      if (event.type === "refused" && !told.has(event.message)) {
        told.set(event.message, `${event.message}: ${event.code}`);
      }
    }
    const sent = this.world.events.filter((event) => event.type === "sent" && event.account === name);
    return sent
      .flatMap((event) => (event.type === "sent" ? (told.get(event.message) ?? []) : []))
      .filter((text) => !text.startsWith(GREETING));
  }

  /** The texts that a person was shown, each as often as it was. */
  shown({ name }: Person): string[] {
    return this.#shown(name).filter((text) => !text.startsWith(GREETING));
  }

  /** Texts of messages in the service's database are sealed: this is how many wait there. */
  get rows(): number {
    return this.world.tables.deliveries.rows.size;
  }

  /** Goes on until a person was told of so many messages, and looks that no more than so many milliseconds pass. */
  async untilTold(person: Person, count: number, withinMs: number): Promise<void> {
    await this.world.until(() => this.told(person).length >= count, withinMs);
  }

  async untilShown(person: Person, count: number, withinMs: number): Promise<void> {
    await this.world.until(() => this.shown(person).length >= count, withinMs);
  }

  /** Ends a person's client, and the service knows. */
  async away(person: Person): Promise<void> {
    person.kill();
    await this.world.settle();
  }

  /** Goes on until a batch of deliveries has reached the database, and is not committed. */
  async untilInserting(): Promise<void> {
    await this.world.until(() => this.world.tables.deliveries.locks.size > 0, 30_000);
    await this.world.settle();
  }

  /** Frames that a chat server has sent to a person and that have not arrived. */
  onTheWayTo({ name }: Person): number {
    return this.world.connections(name, "chat").reduce((sum, { client }) => sum + client.incoming.size, 0);
  }

  /** Starts a person's client, as often as it takes to be connected to that server. */
  connect(person: Person, server: string): Promise<void> {
    return this.#connect(person, (connected) => connected === server);
  }

  /** As {@link Stage.connect}, to any server but one. */
  connectElsewhere(person: Person, server: string): Promise<void> {
    return this.#connect(person, (connected) => connected !== server);
  }

  /** A person's device changes its network until its client is connected to another server. */
  async roam(person: Person): Promise<void> {
    const before = this.place(person).server;
    do {
      for (const to of ["chat", "archive"] as const) {
        for (const connection of this.world.connections(person.name, to)) connection.roam();
      }
      await this.world.until(() => this.world.serverOf(person.name) === null);
      await this.world.until(() => this.world.serverOf(person.name) !== null);
    } while (this.place(person).server === before);
  }

  /** Kills the thread of a chat server. */
  kill(server: string): void {
    this.world.thread(server)?.kill();
  }

  /** Does something, and goes on until the view that comes of it holds; nobody has been told yet that it does. */
  async changesView(cause: () => void | Promise<void>): Promise<void> {
    const { number } = this.world.system.state.view;
    await cause();
    await this.world.until(() => {
      const { view, preparing } = this.world.system.state;
      return view.number > number && preparing === null;
    });
  }

  /** Goes on until every thread runs, and all servers share the accounts in one view. */
  async untilComplete(): Promise<void> {
    await this.world.until(() => this.world.up && this.world.system.complete);
  }

  /** Everything becomes quiet, and is judged. */
  async judge(): Promise<Ending> {
    await this.untilComplete();
    return end(this.world);
  }

  /**
   * Ends the story: everything becomes quiet, and the history checker finds nothing.
   *
   * @returns a person's history, oldest first, each text with the name that the story has for whoever wrote it
   */
  async end(): Promise<(person: Person) => string[]> {
    const { violations, archives } = await this.judge();
    this.t.same(violations, [], "the history checker finds nothing");
    return ({ name }) =>
      (archives.get(name) ?? [])
        .filter(({ text }) => !text.startsWith(GREETING))
        .map(({ from, text }) => `${roleOf(from)}: ${text}`);
  }

  async #connect(person: Person, fits: (server: string) => boolean): Promise<void> {
    for (;;) {
      person.revive();
      await this.world.until(() => this.world.serverOf(person.name) !== null);
      if (fits(this.place(person).server)) return;
      person.kill();
      await this.world.settle();
    }
  }

  #shown(name: string): string[] {
    return this.world.events.flatMap((event) =>
      event.type === "received" && event.account === name ? [event.message] : [],
    );
  }
}

/** Whoever fits may not have been the first of that name. */
function roleOf(name: string): string {
  return name.replace(/-\d+$/, "");
}
