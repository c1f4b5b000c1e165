/**
 * `npm run bench -- recovery`: a chat server dies among people who write to each other: when they are back on others, and
 * when it takes part again. Then a thousand devices come back at once.
 */
import { loadavg } from "node:os";
import type { CommandModule } from "yargs";
import type { ServerId } from "../src/protocol/ids.js";
import { Times } from "./percentiles.js";
import { Crowd } from "./recovery/crowd.js";
import { report, seconds, type RecoveryOptions, type Storms } from "./recovery/report.js";
import { endServer, type ServerDeath } from "./recovery/server-death.js";
import { stormOf, type Storm } from "./recovery/storm.js";
import { Connections } from "./service/connections.js";
import type { Device } from "./service/device.js";
import { OPEN_DOORS, signUpMany } from "./service/sign-up.js";
import { WatchedSystem } from "./service/watched-system.js";

export const recoveryCommand: CommandModule<object, RecoveryOptions> = {
  command: "recovery",
  describe: "how fast people and servers are back after a chat server died, and a storm of returning devices",
  builder: (args) =>
    args
      .option("clients", { type: "number", default: 300, describe: "devices that are connected and listen" })
      .option("rounds", { type: "number", default: 6, describe: "so many servers die, one after another" })
      .option("storm", { type: "number", default: 1000, describe: "devices of the storm; 0 for none" })
      .option("servers", { type: "number", default: 3, describe: "chat servers" })
      .option("rate", { type: "number", default: 150, describe: "messages of all people a second" })
      .option("json", { type: "boolean", default: false, describe: "print one JSON object" })
      .check(({ clients, rounds, storm, servers, rate }) => {
        for (const [name, value] of Object.entries({ clients, rounds, servers, rate })) {
          if (!Number.isInteger(value) || value < 1)
            throw new Error(`--${name} must be a whole number from 1.`);
        }
        if (!Number.isInteger(storm) || storm < 0) throw new Error("--storm must be a whole number from 0.");
        if (servers < 2) throw new Error("--servers must be at least 2: people come back on others.");
        return true;
      }),
  handler: (options) => measureRecovery(options),
};

/** New people who may be needed in a round to see that a server is given some. */
const STRANGERS_PER_ROUND = 6;
/** After a death, before the next: sessions of less than this count as failed with the balancer. */
const REST_MS = 6000;

async function measureRecovery(options: RecoveryOptions): Promise<void> {
  const { json, servers, rounds, clients } = options;
  const progress = (text: string): void => {
    if (!json) console.error(text);
  };
  progress("starting a system and signing people up");
  const system = await WatchedSystem.start({ ...OPEN_DOORS, FASTCHAT_SERVERS: String(servers) });
  const connections = new Connections(system.address);
  const crowd = new Crowd(connections);
  const probes: Device[] = [];
  try {
    const people = await signUpMany(connections.http(), "crowd", Math.max(clients, options.storm));
    const strangers = await signUpMany(connections.http(), "stranger", rounds * STRANGERS_PER_ROUND);
    const newcomers = strangers.values();
    progress(`connecting ${clients} devices`);
    await crowd.join(people.slice(0, clients));
    crowd.beginTraffic(options.rate);
    const deaths: ServerDeath[] = [];
    for (let round = 1; round <= rounds; round++) {
      const server = `chat-${((round - 1) % servers) + 1}` as ServerId;
      const { death, probes: more } = await endServer(system, crowd, connections, server, newcomers);
      deaths.push(death);
      probes.push(...more);
      progress(
        `round ${round} of ${rounds}: ${death.backMs.length} people back after ${seconds(Math.max(...death.backMs))}, ${server} after ${seconds(death.partMs)}`,
      );
      await rest();
    }
    let storms: Storms | null = null;
    if (options.storm > 0) {
      progress(`connecting ${people.length} devices`);
      await crowd.join(people.slice(clients));
      await rest();
      storms = await raiseStorms(system, crowd, progress);
    }
    const messages = await crowd.endTraffic();
    const back = new Times();
    for (const { backMs } of deaths) for (const ms of backMs) back.recordMs(ms);
    const load = loadavg()[0] ?? 0;
    const reached = report({ ...options, deaths, back: back.percentiles(), messages, storms, load });
    if (!reached) process.exitCode = 1;
  } finally {
    for (const device of probes) device.close();
    crowd.close();
    connections.close();
    await system.stop();
  }
}

async function raiseStorms(
  system: WatchedSystem,
  crowd: Crowd,
  progress: (text: string) => void,
): Promise<Storms> {
  progress("a storm: a server dies");
  const largest = [...crowd.servers()].sort((a, b) => crowd.on(b).length - crowd.on(a).length)[0];
  if (largest === undefined) throw new Error("nobody is connected");
  const server = await storm(system, crowd, () => {
    const at = performance.now();
    system.end(largest);
    return Promise.resolve(at);
  });
  await rest();
  progress("a storm: the whole process is killed and started again");
  let readyMs = 0;
  const whole = await storm(system, crowd, async () => {
    await system.kill();
    readyMs = await system.restart();
    return performance.now();
  });
  return { server, process: whole, readyMs };
}

async function storm(system: WatchedSystem, crowd: Crowd, raise: () => Promise<number>): Promise<Storm> {
  const spell = crowd.watch();
  system.forgetPeaks();
  const since = await raise();
  await crowd.whenAllBack();
  await rest();
  return stormOf(system, spell, since);
}

function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, REST_MS));
}
