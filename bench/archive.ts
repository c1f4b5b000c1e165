/**
 * `npm run bench -- archive`: a history of many messages: how fast a new device has its chats, pages, search and export, and
 * what a message costs.
 */
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import chalk from "chalk";
import type { CommandModule } from "yargs";
import { Client } from "../src/client/core/client.js";
import { openDevice, type NodeDevice } from "../src/client/node/device.js";
import { DeviceHome } from "../src/client/node/home.js";
import type { ServiceAddress } from "../src/protocol/address.js";
import { fill, textOf } from "./archive/filling.js";
import { runWatched, type Watched } from "./archive/watched-command.js";
import { Times, type Percentiles } from "./percentiles.js";
import { OPEN_DOORS, signUpMany } from "./service/sign-up.js";
import { startSystem } from "./system-process.js";

interface ArchiveOptions {
  readonly messages: number;
  readonly chats: number;
  readonly size: number;
  readonly reads: number;
  readonly json: boolean;
}

interface Figures {
  readonly firstChatsMs: number;
  readonly chatsMs: Percentiles;
  readonly pageMs: Percentiles;
  readonly checkMs: number;
  readonly firstSearchMs: number;
  readonly searchMs: Percentiles;
  readonly exportMs: number;
  /** Resident memory of the exporting process, in bytes: at a quarter of its time, and at most. */
  readonly exportMemory: { readonly quarter: number; readonly max: number } | null;
  readonly archiveBytes: number;
}

const PASSWORD = "bench bench bench";
const NAME = "keeper";
/** A page as people read it. */
const PAGE = 50;
const SEARCHES = 50;
const OPTIONS = { acceptWeakStretching: true };

export const archiveCommand: CommandModule<object, ArchiveOptions> = {
  command: "archive",
  describe: "a long history: chats and pages of a new device, search, export, and what a message costs",
  builder: (args) =>
    args
      .option("messages", { type: "number", default: 100_000, describe: "messages in the history" })
      .option("chats", { type: "number", default: 100, describe: "chats that they are of" })
      .option("size", { type: "number", default: 100, describe: "characters of each" })
      .option("reads", { type: "number", default: 200, describe: "how often chats and pages are read" })
      .option("json", { type: "boolean", default: false, describe: "print one JSON object" })
      .check(({ messages, chats, size, reads }) => {
        for (const [name, value] of Object.entries({ messages, chats, size, reads })) {
          if (!Number.isInteger(value) || value < 1)
            throw new Error(`--${name} must be a whole number from 1.`);
        }
        if (chats > 500) throw new Error("--chats must be at most 500, as a page of them.");
        return true;
      }),
  handler: (options) => measureArchive(options),
};

async function measureArchive(options: ArchiveOptions): Promise<void> {
  const progress = (text: string): void => {
    if (!options.json) console.error(text);
  };
  const folder = await mkdtemp(join(tmpdir(), "fastchat-bench-"));
  progress("starting a system and signing people up");
  const system = await startSystem(OPEN_DOORS);
  try {
    const { address, data } = system;
    const credentials = { name: NAME, password: PASSWORD, deviceLabel: "archive", rsaBits: 2048 };
    const first = await deviceIn(join(folder, "first"), address);
    const keeper = await Client.register(first.ports, credentials, OPTIONS);
    const people = await signUpMany(first.ports.http, "friend", options.chats);
    // It makes the archive.
    await keeper.history();
    const before = await bytesOf(join(data, "archive"));
    const peers = people.map(({ account }) => account);
    await fill(first.ports, { ...options, peers }, (done) => {
      if (done % 20_000 === 0 || done === options.messages) progress(`${done} messages archived`);
    });
    await keeper.close();
    await first.close();
    const archiveBytes = (await bytesOf(join(data, "archive"))) - before;
    const home = join(folder, "second");
    const figures = await measureDevice(home, address, credentials, options, progress);
    progress("exporting");
    const exported = await exportAll(home, join(folder, "history.json"));
    report(options, { ...figures, ...exported, archiveBytes });
  } finally {
    await system.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function deviceIn(home: string, address: ServiceAddress): Promise<NodeDevice> {
  return openDevice({ home: new DeviceHome(home), address, onFirstUse() {} });
}

/** A device that knows the password and nothing else. */
async function measureDevice(
  home: string,
  address: ServiceAddress,
  credentials: Parameters<typeof Client.login>[1],
  { messages, chats, size, reads }: ArchiveOptions,
  progress: (text: string) => void,
): Promise<Omit<Figures, "exportMs" | "exportMemory" | "archiveBytes">> {
  const device = await deviceIn(home, address);
  const client = await Client.login(device.ports, credentials, OPTIONS);
  await new DeviceHome(home).setCurrentService(address);
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const started = performance.now();
    await work();
    return performance.now() - started;
  };
  try {
    progress("reading chats and pages");
    const firstChatsMs = await timed(async () => {
      const page = await client.chats({ limit: chats });
      if (page.chats.length !== chats) throw new Error(`${page.chats.length} chats were shown of ${chats}`);
    });
    const checkMs = await timed(() => client.checkArchive());
    // What was read shall not be counted again.
    for (const chat of (await client.chats({ limit: chats })).chats) {
      await client.changeChat(chat.with, { read: chat.counter });
    }
    const [chatTimes, pageTimes, searchTimes] = [new Times(), new Times(), new Times()];
    for (let read = 0; read < reads; read++) {
      chatTimes.recordMs(await timed(() => client.chats({ limit: chats })));
      const before = 1 + PAGE + ((read * 7919) % Math.max(1, messages - PAGE));
      pageTimes.recordMs(await timed(() => client.history({ limit: PAGE, before })));
    }
    progress("indexing for the first search");
    const wanted = (index: number): string => textOf((index * 104_729) % messages, size).split(" ")[0] ?? "";
    const firstSearchMs = await timed(() => client.search(wanted(1)));
    for (let search = 0; search < SEARCHES; search++) {
      const word = wanted(search);
      searchTimes.recordMs(
        await timed(async () => {
          const found = await client.search(word);
          if (found.length === 0) throw new Error(`"${word}" was not found`);
        }),
      );
    }
    return {
      firstChatsMs,
      chatsMs: chatTimes.percentiles(),
      pageMs: pageTimes.percentiles(),
      checkMs,
      firstSearchMs,
      searchMs: searchTimes.percentiles(),
    };
  } finally {
    await client.close();
    await device.close();
  }
}

async function exportAll(home: string, file: string): Promise<Pick<Figures, "exportMs" | "exportMemory">> {
  const { ms, residentBytes }: Watched = await runWatched(["export", "--to", file, "--json"], home);
  const quarter = residentBytes[Math.floor(residentBytes.length / 4)];
  const exportMemory =
    quarter === undefined ? null : { quarter, max: residentBytes.reduce((a, b) => Math.max(a, b), 0) };
  return { exportMs: ms, exportMemory };
}

async function bytesOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  let bytes = 0;
  for (const entry of entries) {
    // The database's log is recycled, and says nothing of what is kept.
    if (entry.isFile() && !entry.parentPath.includes("pg_wal")) {
      bytes += (await stat(join(entry.parentPath, entry.name))).size;
    }
  }
  return bytes;
}

function report({ messages, chats, size, reads, json }: ArchiveOptions, figures: Figures): void {
  const load = loadavg()[0] ?? 0;
  const perMessage = figures.archiveBytes / messages;
  const exportedPerSecond = (1000 * messages) / figures.exportMs;
  if (json) {
    const run = { messages, chats, size, reads, node: process.version };
    console.log(
      JSON.stringify({ run, load, ...figures, archiveBytesPerMessage: perMessage, exportedPerSecond }),
    );
    return;
  }
  const ms = ({ p50, p99 }: Percentiles): string => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  console.log(chalk.bold(`a history of ${messages} messages of ${size} characters, in ${chats} chats`));
  console.log(`  a new device's first list of chats   ${figures.firstChatsMs.toFixed(0)} ms`);
  console.log(`  chats, ${chats} at once                ${ms(figures.chatsMs)}`);
  console.log(`  a page of ${PAGE}                        ${ms(figures.pageMs)}`);
  console.log(`  found whole                          ${(figures.checkMs / 1000).toFixed(1)} s, once`);
  console.log(`  first search, with the index         ${(figures.firstSearchMs / 1000).toFixed(1)} s`);
  console.log(`  search                               ${ms(figures.searchMs)}`);
  console.log(
    `  export, the process from start to end ${(figures.exportMs / 1000).toFixed(1)} s, ${exportedPerSecond.toFixed(0)} messages/s`,
  );
  if (figures.exportMemory !== null) {
    const { quarter, max } = figures.exportMemory;
    console.log(
      `  its memory                           ${mib(quarter)} after a quarter, ${mib(max)} at most`,
    );
  }
  console.log(`  the archive's database               ${perMessage.toFixed(0)} bytes a message`);
  console.log(`load average ${load.toFixed(1)}`);
}
