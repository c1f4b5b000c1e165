/**
 * `npm run bench -- groups`: messages to groups of several sizes: what they cost the author and the servers, what crosses the
 * links between servers, and when the last member has them.
 */
import { loadavg } from "node:os";
import type { CommandModule } from "yargs";
import { parseUserName, type UserName } from "../src/protocol/ids.js";
import { Author } from "./groups/author.js";
import { Costs } from "./groups/costs.js";
import { Members } from "./groups/members.js";
import { report, SizeFigures, type GroupsOptions } from "./groups/report.js";
import { Connections } from "./service/connections.js";
import { NOBODY_MOVES, OPEN_DOORS, signUpMany } from "./service/sign-up.js";
import { WatchedSystem } from "./service/watched-system.js";

export const groupsCommand: CommandModule<object, GroupsOptions> = {
  command: "groups",
  describe: "messages to groups of 2 to 1,000: cost for the author and the servers, until the last has them",
  builder: (args) =>
    args
      .option("sizes", {
        type: "string",
        default: "2,10,100,1000",
        describe: "members of the groups, the author included",
      })
      .option("rounds", { type: "number", default: 5, describe: "the groups take turns so many times" })
      .option("deliveries", {
        type: "number",
        default: 6000,
        describe: "deliveries to each group in a round; at most 500 messages",
      })
      .option("offline", { type: "number", default: 0, describe: "share of the members who are offline" })
      .option("bytes", { type: "number", default: 100, describe: "bytes of a text" })
      .option("servers", { type: "number", default: 3, describe: "chat servers" })
      .option("growth", {
        type: "number",
        default: 0.05,
        describe: "the most by which the servers' cost for each recipient may grow from 10 to 1,000 members",
      })
      .option("json", { type: "boolean", default: false, describe: "print one JSON object" })
      .check(({ sizes, rounds, deliveries, offline, bytes, servers, growth }) => {
        for (const [name, value] of Object.entries({ rounds, deliveries, bytes, servers })) {
          if (!Number.isInteger(value) || value < 1)
            throw new Error(`--${name} must be a whole number from 1.`);
        }
        if (!(growth >= 0)) throw new Error("--growth must be a share from 0, as 0.05.");
        if (!(offline >= 0 && offline < 1)) throw new Error("--offline must be from 0 to less than 1.");
        if (sizesOf(sizes).some((size) => !Number.isInteger(size) || size < 2 || size > 1000)) {
          throw new Error("--sizes must be whole numbers from 2 to 1,000, with commas between them.");
        }
        return true;
      }),
  handler: (options) => measureGroups(options),
};

/** Until all CPU time of what has ended is told, in milliseconds: gauges are told five times a second. */
const SETTLE_MS = 800;
/** How long the servers are watched doing nothing, in milliseconds. */
const IDLE_MS = 3000;
const MOST_MESSAGES = 500;
const PREFIX = "member";

function nameOf(index: number): UserName {
  const name = parseUserName(`${PREFIX}-${index}`);
  if (name === null) throw new Error("the members' names are none");
  return name;
}

function sizesOf(text: string): number[] {
  return text.split(",").map(Number);
}

async function measureGroups(options: GroupsOptions): Promise<void> {
  const { json, servers, rounds, offline } = options;
  const progress = (text: string): void => {
    if (!json) console.error(text);
  };
  const sizes = sizesOf(options.sizes);
  const largest = Math.max(...sizes);
  progress("starting a system and signing people up");
  const costs = new Costs();
  const system = await WatchedSystem.start(
    { ...OPEN_DOORS, ...NOBODY_MOVES, FASTCHAT_SERVERS: String(servers) },
    (message) => costs.note(message),
  );
  const connections = new Connections(system.address);
  let members: Members | null = null;
  let author: Author | null = null;
  try {
    const people = await signUpMany(connections.http(), PREFIX, largest - 1);
    // Whoever is offline is spread among the others, so that every group has that share of them.
    const online = people.filter(
      (_, index) => Math.floor((index + 1) * offline) === Math.floor(index * offline),
    );
    progress(`connecting ${online.length} members`);
    members = await Members.connect(connections, online, () => undefined);
    author = await Author.signUp(connections);
    const groups = sizes.map((size) => ({
      title: `group of ${size}`,
      names: people.slice(0, size - 1).map((_, index) => nameOf(index)),
      online: people.slice(0, size - 1).filter((person) => online.includes(person)).length,
      figures: new SizeFigures(size),
    }));
    for (const { title, names } of groups) {
      progress(`making a ${title}`);
      await author.createGroup(title, names);
    }
    await pause(SETTLE_MS);
    // What the groups are called has come to all, and is not measured.
    members.endRound(Infinity);
    const run: Round = { author, members, costs, options };
    progress("warming up");
    for (const group of groups) await writeTo(run, group, new SizeFigures(group.figures.size), 0.2);
    for (let round = 1; round <= rounds; round++) {
      const idle = await costs.during(() => pause(IDLE_MS), SETTLE_MS);
      for (const group of groups) {
        const spent = await costs.during(() => writeTo(run, group, group.figures, 1), SETTLE_MS);
        group.figures.spend(spent, idle);
      }
      progress(`round ${round} of ${rounds}`);
    }
    const load = loadavg()[0] ?? 0;
    const figures = groups.map((group) => group.figures.sum());
    if (!report({ options, figures, repeated: members.repeated, load })) process.exitCode = 1;
  } finally {
    members?.close();
    await author?.close();
    connections.close();
    await system.stop();
  }
}

interface Round {
  readonly author: Author;
  readonly members: Members;
  readonly costs: Costs;
  readonly options: GroupsOptions;
}

interface WrittenTo {
  readonly title: string;
  readonly names: readonly UserName[];
  /** How many of them are connected. */
  readonly online: number;
}

/** Messages one after the other, each once all who are online have the one before. @param share of a round's */
async function writeTo(
  { author, members, options }: Round,
  { title, names, online }: WrittenTo,
  figures: SizeFigures,
  share: number,
): Promise<void> {
  const messages = Math.min(
    MOST_MESSAGES,
    Math.max(2, Math.round((options.deliveries * share) / names.length)),
  );
  const text = "x".repeat(options.bytes);
  for (let number = 0; number < messages; number++) {
    const began = performance.now();
    const written = await author.write(title, text);
    const lastAt = await members.whenAllHave(written.message, online);
    figures.wrote(written, lastAt - began);
  }
  members.endRound(online);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
