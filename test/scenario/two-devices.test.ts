/** Two devices of one account write at once, one of them is killed on the way; in the end both show the same. */
import { join } from "node:path";
import t from "tap";
import type { Running } from "../client/cli/run.js";
import { linesOf, peopleIn, type Told } from "./people.js";
import { spawnSystem } from "./spawned.js";

const MESSAGES = 10_000;
/** What each of the two devices writes; bob writes the other half. */
const OF_DEVICE = MESSAGES / 4;
/** Lines that have been accepted of the one that is killed then. */
const KILLED_AFTER = 700;

const folder = t.testdir({ data: {} });

/** Texts that tell who wrote them and which is which. */
function textsOf(writer: string, first: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${writer} ${first + index}`);
}

/** Settles once so many lines with an outcome came out of a conversation; fails if it ends before. */
function accepted({ child, ended }: Running, count: number): Promise<void> {
  let seen = 0;
  return new Promise((resolve, reject) => {
    child.stdout?.on("data", (chunk: string) => {
      seen += chunk.match(/"outcome"/g)?.length ?? 0;
      if (seen >= count) resolve();
    });
    void ended.then(({ stderr }) => reject(new Error(`it ended after ${seen}: ${stderr}`)));
  });
}

/** Texts of one writer, by their numbers. */
function numbersOf(history: readonly Told[], writer: string): number[] {
  return history
    .filter(({ text }) => text.startsWith(`${writer} `))
    .map(({ text }) => Number(text.slice(writer.length + 1)));
}

t.test("10,000 messages of two devices and a friend, and a kill", async (t) => {
  const { as, json, begin } = peopleIn(t, folder);
  const { server } = await spawnSystem(t, join(folder, "data"));
  await as("laptop", ["register", "alice", "--server", server]);
  await as("bob", ["register", "bob", "--server", server]);
  await as("phone", ["login", "alice", "--server", server]);

  const lines = (texts: readonly string[]): string => `${texts.join("\n")}\n`;
  const talks = {
    laptop: begin("laptop", ["chat", "bob", "--json"]),
    phone: begin("phone", ["chat", "bob", "--json"]),
    bob: begin("bob", ["chat", "alice", "--json"]),
  };
  const some = accepted(talks.phone, KILLED_AFTER);
  talks.laptop.child.stdin?.end(lines(textsOf("laptop", 1, OF_DEVICE)));
  talks.bob.child.stdin?.end(lines(textsOf("bob", 1, 2 * OF_DEVICE)));
  // More than is accepted before it dies: what it had taken by then leaves with its next start.
  talks.phone.child.stdin?.write(lines(textsOf("phone", 1, OF_DEVICE / 2)));
  await some;
  talks.phone.child.kill("SIGKILL");
  const killed = await talks.phone.ended;
  t.equal(killed.signal, "SIGKILL");
  const rest = await as(
    "phone",
    ["chat", "bob", "--json"],
    lines(textsOf("phone", OF_DEVICE / 2 + 1, OF_DEVICE / 2)),
  );
  const ended = { laptop: await talks.laptop.ended, bob: await talks.bob.ended };
  t.match(ended, { laptop: { code: 0 }, bob: { code: 0 } });

  // Whatever waits for somebody whose conversation is over.
  for (const device of ["laptop", "phone", "bob"]) await as(device, ["pending"]);
  const histories = {
    laptop: (await json("laptop", ["history", "--limit", "0"])) as Told[],
    phone: (await json("phone", ["history", "--limit", "0"])) as Told[],
    bob: (await json("bob", ["history", "--limit", "0"])) as Told[],
  };
  t.same(histories.phone, histories.laptop, "both devices show the same, in the same order");
  const acceptedIds = [killed.stdout, rest, ended.laptop.stdout, ended.bob.stdout]
    .flatMap(linesOf)
    .filter(
      (line): line is { id: string; outcome: string } =>
        typeof line === "object" && line !== null && "outcome" in line,
    )
    .map(({ id }) => id);
  for (const [device, history] of Object.entries(histories)) {
    const ids = history.map(({ id }) => id);
    t.equal(new Set(ids).size, ids.length, `nothing stands there twice on ${device}`);
    const there = new Set(ids);
    t.same(
      acceptedIds.filter((id) => !there.has(id)),
      [],
      `nothing accepted is missing on ${device}`,
    );
    t.same(
      numbersOf(history, "laptop"),
      textsOf("laptop", 1, OF_DEVICE).map((_, index) => index + 1),
      "in order",
    );
    t.same(
      numbersOf(history, "bob"),
      textsOf("bob", 1, 2 * OF_DEVICE).map((_, index) => index + 1),
      "in order",
    );
    const phones = numbersOf(history, "phone");
    t.same(
      phones,
      [...phones].sort((a, b) => a - b),
      "in order, before and after the kill",
    );
    t.ok(phones.length >= KILLED_AFTER + OF_DEVICE / 2);
  }
  t.same(
    numbersOf(histories.bob, "phone"),
    numbersOf(histories.laptop, "phone"),
    "what the killed device had taken reached everybody or nobody",
  );
  for (const device of ["laptop", "phone", "bob"]) t.match(await json(device, ["check"]), [{ alarm: null }]);
});
