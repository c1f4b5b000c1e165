/**
 * `npm run bench -- slow-reader`: somebody never reads while others send them many messages: how much memory that takes,
 * and whether other people's messages get slower. Beside it, in turns, the same traffic to somebody who reads, and to
 * somebody who is not there: that is stored, too, and costs what storing costs.
 */
import { loadavg } from "node:os";
import type { CommandModule } from "yargs";
import type { AccountId } from "../src/protocol/ids.js";
import { Times } from "./percentiles.js";
import { Connections } from "./service/connections.js";
import { NOBODY_MOVES, OPEN_DOORS, signUpMany } from "./service/sign-up.js";
import { WatchedSystem } from "./service/watched-system.js";
import { Flood, type FloodOutcome } from "./slow-reader/flood.js";
import { Others } from "./slow-reader/others.js";
import { Reader } from "./slow-reader/readers.js";
import { SIDES, report, type Memory, type Side, type SlowReaderOptions } from "./slow-reader/report.js";

export const slowReaderCommand: CommandModule<object, SlowReaderOptions> = {
  command: "slow-reader",
  describe: "memory, and other people's messages, while somebody who is sent many messages never reads",
  builder: (args) =>
    args
      .option("messages", { type: "number", default: 200_000, describe: "messages to who never reads" })
      .option("rounds", {
        type: "number",
        default: 4,
        describe: "the three take turns so many times",
      })
      .option("pace", {
        type: "number",
        default: 4000,
        describe: "of these messages, at most so many a second",
      })
      .option("pairs", { type: "number", default: 40, describe: "pairs of other people" })
      .option("rate", { type: "number", default: 400, describe: "messages of the others a second" })
      .option("size", { type: "number", default: 512, describe: "opaque bytes a message" })
      .option("servers", { type: "number", default: 3, describe: "chat servers" })
      .option("refusals", { type: "boolean", default: true, describe: "then also with the default limit" })
      .option("json", { type: "boolean", default: false, describe: "print one JSON object" })
      .check(({ messages, rounds, pace, pairs, rate, size, servers }) => {
        for (const [name, value] of Object.entries({ messages, rounds, pace, pairs, rate, size, servers })) {
          if (!Number.isInteger(value) || value < 1)
            throw new Error(`--${name} must be a whole number from 1.`);
        }
        if (size < 8) throw new Error("--size must be at least 8.");
        return true;
      }),
  handler: (options) => measureSlowReader(options),
};

/** People who write to the one; each has half a session's window on the way at most. */
const WRITERS = 8;
const WINDOW = 128;
/** Refusals that are enough to see. */
const REFUSALS = 2000;
/** `limits.pendingPerAccount` as it comes. */
const DEFAULT_PENDING = 100_000;

async function measureSlowReader(options: SlowReaderOptions): Promise<void> {
  const { json, messages, rounds } = options;
  const progress = (text: string): void => {
    if (!json) console.error(text);
  };
  progress("starting a system and signing people up");
  const times: Record<Side, Times> = { reading: new Times(), away: new Times(), stuck: new Times() };
  const memory: Record<Side, Memory[]> = { reading: [], away: [], stuck: [] };
  const outcomes: FloodOutcome[] = [];
  let drained = { received: 0, repeated: 0, reordered: 0 };
  await withSystem(String(messages * 2), options, async ({ system, connections, flood }) => {
    const people = await signUpMany(connections.http(), "other", options.pairs * 2);
    const [reading, away, stuck] = await signUpMany(connections.http(), "flooded", 3);
    if (reading === undefined || away === undefined || stuck === undefined) {
      throw new Error("nobody was signed up");
    }
    const accounts: Record<Side, AccountId> = {
      reading: reading.account,
      away: away.account,
      stuck: stuck.account,
    };
    const others = await Others.connect(connections, people, options.size);
    const reader = await Reader.connect(connections, reading);
    const slow = await Reader.connect(connections, stuck);
    try {
      slow.stopReading();
      others.begin(options.rate);
      others.recordInto(new Times());
      progress("warming up");
      await flood.send(reading.account, options.pace * 3, options.pace);
      const share = Math.ceil(messages / rounds);
      for (let round = 1; round <= rounds; round++) {
        for (const side of SIDES) {
          system.forgetPeaks();
          others.recordInto(times[side]);
          const outcome = await flood.send(accounts[side], share, options.pace);
          if (side === "stuck") outcomes.push(outcome);
          memory[side].push(memoryOf(system));
        }
        progress(
          `round ${round} of ${rounds}: others p99 ${times.stuck.percentiles().p99.toFixed(1)} ms, with a reader ${times.reading.percentiles().p99.toFixed(1)} ms, with nobody there ${times.away.percentiles().p99.toFixed(1)} ms; memory ${mib(system.rss.now)} MiB`,
        );
      }
      others.recordInto(new Times());
      progress("now it reads");
      slow.readOn();
      const stored = outcomes.reduce((sum, outcome) => sum + outcome.stored + outcome.acknowledged, 0);
      const until = performance.now() + 180_000;
      while (slow.received < stored && slow.connected && performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      drained = { received: slow.received, repeated: slow.repeated, reordered: slow.reordered };
    } finally {
      others.close();
      reader.close();
      slow.close();
    }
  });
  let withDefault: FloodOutcome | null = null;
  if (options.refusals) {
    progress("the same with the default limit on what waits for one account");
    await withSystem(null, options, async ({ connections, flood }) => {
      const [stuck] = await signUpMany(connections.http(), "flooded", 1);
      if (stuck === undefined) throw new Error("nobody was signed up");
      const slow = await Reader.connect(connections, stuck);
      slow.stopReading();
      try {
        withDefault = await flood.send(stuck.account, DEFAULT_PENDING + REFUSALS, Infinity);
      } finally {
        slow.close();
      }
    });
  }
  const reached = report({
    ...options,
    others: {
      reading: times.reading.percentiles(),
      away: times.away.percentiles(),
      stuck: times.stuck.percentiles(),
    },
    memory,
    outcomes,
    drained,
    withDefault,
    load: loadavg()[0] ?? 0,
  });
  if (!reached) process.exitCode = 1;
}

interface Laboratory {
  readonly system: WatchedSystem;
  readonly connections: Connections;
  readonly flood: Flood;
}

/** @param pending `limits.pendingPerAccount`, or `null` for the default */
async function withSystem(
  pending: string | null,
  { servers, size }: SlowReaderOptions,
  work: (laboratory: Laboratory) => Promise<void>,
): Promise<void> {
  const system = await WatchedSystem.start({
    ...OPEN_DOORS,
    ...NOBODY_MOVES,
    FASTCHAT_SERVERS: String(servers),
    ...(pending === null ? {} : { FASTCHAT_LIMITS_PENDING_PER_ACCOUNT: pending }),
  });
  const connections = new Connections(system.address);
  let flood: Flood | null = null;
  try {
    const writers = await signUpMany(connections.http(), "writer", WRITERS);
    flood = await Flood.connect(connections, writers, size, WINDOW);
    await work({ system, connections, flood });
  } finally {
    flood?.close();
    connections.close();
    await system.stop();
  }
}

function memoryOf(system: WatchedSystem): Memory {
  let [heapBytes, externalBytes] = [0, 0];
  for (const [thread, gauges] of system.peaks) {
    if (!thread.startsWith("chat-")) continue;
    heapBytes += gauges.heapBytes;
    externalBytes += gauges.externalBytes;
  }
  return { rssBytes: system.rss.now, rssPeakBytes: system.rss.peak, heapBytes, externalBytes };
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
