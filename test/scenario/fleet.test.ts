/** Operators have chat servers come and go under two people who write to each other all the while. */
import { join } from "node:path";
import t from "tap";
import type { Running } from "../client/cli/run.js";
import { linesOf, peopleIn, type Told } from "./people.js";
import { operate, spawnSystem } from "./spawned.js";

/** Messages of one person that are on their way at once. */
const ON_THE_WAY = 8;
/** Messages of each that must be accepted between two orders. */
const BETWEEN = 10;

// A score of processes, one after the other.
t.setTimeout(600_000);

const folder = t.testdir({ data: {}, elsewhere: {} });
const data = join(folder, "data");

/** Somebody who writes without a pause, until told to end. */
class Writer {
  #written = 0;
  #accepted = 0;
  #ending = false;
  readonly #waiting = new Set<() => void>();

  constructor(
    readonly name: string,
    private readonly talk: Running,
  ) {
    talk.child.stdout?.on("data", (chunk: string) => {
      this.#accepted += chunk.match(/"outcome"/g)?.length ?? 0;
      this.#write();
      for (const look of this.#waiting) look();
    });
    this.#write();
  }

  get written(): number {
    return this.#written;
  }

  /** Settles once so many more were accepted. */
  more(count: number): Promise<void> {
    const until = this.#accepted + count;
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (this.#accepted >= until) resolve();
      };
      this.#waiting.add(look);
      void this.talk.ended.then(({ stderr }) => reject(new Error(`${this.name} ended: ${stderr}`)));
    });
  }

  /** Writes no more; settles once all is accepted and the conversation has ended. */
  async end(): Promise<number | null> {
    this.#ending = true;
    this.talk.child.stdin?.end();
    return (await this.talk.ended).code;
  }

  #write(): void {
    while (!this.#ending && this.#written < this.#accepted + ON_THE_WAY) {
      this.talk.child.stdin?.write(`${this.name} ${++this.#written}\n`);
    }
  }
}

t.test("scale up, drain, resume and scale down lose nothing of what people write meanwhile", async (t) => {
  const { as, json, begin } = peopleIn(t, folder);
  const system = await spawnSystem(t, data, { FASTCHAT_TIMEOUTS_DRAIN_MS: "1000" });
  const order = async (...args: readonly string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await operate(data, [...args, "--json"]);
    t.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return linesOf(stdout)[0];
  };
  const states = async (): Promise<string[]> => {
    const { servers } = (await order("status")) as { servers: readonly { id: string; state: string }[] };
    return servers.map(({ id, state }) => `${id} ${state}`);
  };
  for (const name of ["alice", "bob"]) await as(name, ["register", name, "--server", system.server]);
  const writers = [
    new Writer("alice", begin("alice", ["chat", "bob", "--json"])),
    new Writer("bob", begin("bob", ["chat", "alice", "--json"])),
  ];
  const goOn = (): Promise<unknown> => Promise.all(writers.map((writer) => writer.more(BETWEEN)));

  await goOn();
  t.same(await order("scale", "4"), { servers: ["chat-1", "chat-2", "chat-3", "chat-4"], done: true });
  await goOn();
  t.same(await order("drain", "chat-4"), { server: "chat-4", done: true }, "nobody was there");
  t.same(await order("drain", "chat-1", "--no-wait"), { server: "chat-1", done: false });
  t.same(await states(), ["chat-1 draining", "chat-2 serving", "chat-3 serving", "chat-4 draining"]);
  await goOn();
  t.same(await order("resume", "chat-1"), { server: "chat-1", done: true });
  t.same(
    await order("scale", "3"),
    { servers: ["chat-1", "chat-2", "chat-3"], done: true },
    "the drained one left",
  );
  await goOn();
  t.same(await order("scale", "1"), { servers: ["chat-1"], done: true });
  await goOn();
  t.same(await order("scale", "2"), { servers: ["chat-1", "chat-2"], done: true });
  await goOn();
  for (const writer of writers) t.equal(await writer.end(), 0);

  // Whatever waits for somebody whose conversation is over.
  for (const { name } of writers) await as(name, ["pending"]);
  for (const { name: reader } of writers) {
    const history = (await json(reader, ["history", "--limit", "0"])) as Told[];
    for (const { name, written } of writers) {
      const numbers = history
        .filter(({ text }) => text.startsWith(`${name} `))
        .map(({ text }) => Number(text.slice(name.length + 1)));
      const all = Array.from({ length: written }, (_, index) => index + 1);
      t.same(numbers, all, `${reader} has all of ${name}'s, each once and in order`);
    }
  }
  const errors = linesOf(system.log()).filter((line) => (line as { level?: string }).level === "error");
  t.same(errors, []);

  const refused = async (code: number, told: RegExp, args: readonly string[], at = data): Promise<void> => {
    const ended = await operate(at, args);
    t.equal(ended.code, code, args.join(" "));
    t.match(ended.stderr, told);
    t.equal(ended.stderr.trim().split("\n").length, 1, "in a line");
  };
  await refused(4, /^fastchat-system: There is no chat server chat-9\. Check the id/, ["drain", "chat-9"]);
  await refused(2, /from 1 to 64/, ["scale", "0"]);
  await refused(2, /no server's id/, ["resume", "Chat 1"]);
  await refused(2, /No system is running on the data folder/, ["scale", "2"], join(folder, "elsewhere"));
  t.same(await order("drain", "chat-2"), { server: "chat-2", done: true });
  await refused(4, /No other server takes people/, ["drain", "chat-1"]);
});
