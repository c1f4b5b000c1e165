/** A device is lost with all that was on it; the password is enough to have everything again. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import t from "tap";
import { peopleIn, type Told } from "./people.js";
import { spawnSystem } from "./spawned.js";

const FRIENDS = ["bob", "carol", "dave", "erin", "frank"];
/** Messages of each pair, in each direction. */
const EACH_WAY = 200;

/** A line of what was sent, or received. */
interface Shown {
  readonly id: string;
  readonly outcome?: string;
  readonly from?: string;
}

const folder = t.testdir({ data: {} });

function textsOf(from: string, to: string): string[] {
  return Array.from({ length: EACH_WAY }, (_, index) => `${from} to ${to}: ${index + 1}`);
}

t.test("2,000 messages with five people survive the loss of the only device", async (t) => {
  const { as, json, folderOf } = peopleIn(t, folder);
  const { server } = await spawnSystem(t, join(folder, "data"));
  await as("first", ["register", "alice", "--server", server]);
  // What others wrote is shown by whatever runs just then, once.
  const shown: string[] = [];
  for (const friend of FRIENDS) {
    await as(friend, ["register", friend, "--server", server]);
    const told = (await json("first", ["chat", friend], textsOf("alice", friend).join("\n"))) as Shown[];
    t.equal(
      told.filter(({ outcome }) => outcome !== undefined).length,
      EACH_WAY,
      `accepted by ${friend}'s server`,
    );
    shown.push(...told.filter(({ from }) => from !== undefined).map(({ id }) => id));
    await as(friend, ["pending"]);
    await as(friend, ["chat", "alice"], textsOf(friend, "alice").join("\n"));
  }
  shown.push(...((await json("first", ["pending"])) as Shown[]).map(({ id }) => id));
  t.equal(shown.length, FRIENDS.length * EACH_WAY, "all that came back was shown");
  t.equal(new Set(shown).size, shown.length, "once");
  const before = await json("first", ["history", "--limit", "0"]);
  t.equal(before.length, 2 * FRIENDS.length * EACH_WAY);
  await as("first", ["chats", "pin", "dave"]);
  await rm(folderOf("first"), { recursive: true });

  const greeting = await as("second", ["login", "alice", "--server", server]);
  for (const friend of FRIENDS) t.match(greeting, `${friend} `, `the login shows the chat with ${friend}`);
  const chats = (await json("second", ["chats"])) as { with: string; unread: number; pinned: boolean }[];
  t.same(chats.map(({ with: name }) => name).sort(), [...FRIENDS].sort(), "everybody is there");
  t.same(
    chats.filter(({ pinned }) => pinned).map(({ with: name }) => name),
    ["dave"],
    "with pins",
  );
  t.same(
    chats.map(({ unread }) => unread),
    FRIENDS.map(() => 0),
    "and read marks",
  );
  t.same(await json("second", ["history", "--limit", "0"]), before, "all there, in order");
  for (const friend of FRIENDS) {
    const with_ = (await json("second", ["history", friend, "--limit", "0"])) as Told[];
    t.same(
      with_.map(({ text }) => text),
      [...textsOf("alice", friend), ...textsOf(friend, "alice")],
      `with ${friend}`,
    );
  }
  t.match(await json("second", ["check"]), [{ alarm: null }]);
  t.match(await json("second", ["search", "erin 117"]), [
    { text: "alice to erin: 117" },
    { text: "erin to alice: 117" },
  ]);

  await as("third", ["login", "alice", "--quick", "--server", server]);
  t.same(await json("third", ["history", "--limit", "0"]), [], "QuickChat shows none of it");
  await as("frank", ["send", "alice", "are you there?"]);
  t.match(await json("third", ["pending"]), [{ from: "frank", text: "are you there?" }], "only what is new");
  t.match(await json("third", ["history", "--limit", "0"]), [{ text: "are you there?" }]);
  await as("third", ["restore"]);
  const after = await json("third", ["history", "--limit", "0"]);
  t.same(after.slice(0, -1), before, "until it is asked for");
  t.match(after.at(-1), { text: "are you there?" });
});
