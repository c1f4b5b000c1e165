/**
 * `npm run bench -- login`: whether the first step of a login tells, by its time, a name that somebody has from one
 * that nobody has. Both are asked in turns, by autocannon, of a real system.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { client as opaque, ready } from "@serenity-kit/opaque";
import autocannon from "autocannon";
import chalk from "chalk";
import type { CommandModule } from "yargs";
import { Client } from "../src/client/core/client.js";
import { openDevice } from "../src/client/node/device.js";
import { DeviceHome } from "../src/client/node/home.js";
import { PATHS } from "../src/protocol/http.js";
import { Times as Latency } from "./percentiles.js";
import { OPEN_DOORS } from "./service/sign-up.js";
import { startSystem, type SystemProcess } from "./system-process.js";

interface LoginOptions {
  readonly rounds: number;
  readonly requests: number;
  readonly json: boolean;
}

interface Times {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export const loginCommand: CommandModule<object, LoginOptions> = {
  command: "login",
  describe: "times of login's first step for a known and an unknown name, side by side",
  builder: (args) =>
    args
      .option("rounds", {
        type: "number",
        default: 10,
        describe: "known and unknown take turns so many times",
      })
      .option("requests", { type: "number", default: 300, describe: "requests of each in a round" })
      .option("json", { type: "boolean", default: false, describe: "print one JSON object" })
      .check(({ rounds, requests }) => {
        for (const [name, value] of Object.entries({ rounds, requests })) {
          if (!Number.isInteger(value) || value < 1)
            throw new Error(`--${name} must be a whole number from 1.`);
        }
        return true;
      }),
  handler: (options) => measureLogins(options),
};

/** Limits out of the way and a light password hash: what is measured is the server's part. */
const LABORATORY = { ...OPEN_DOORS, FASTCHAT_SERVERS: "1", FASTCHAT_LIMITS_PENDING_LOGINS: "1000000" };

async function measureLogins({ rounds, requests, json }: LoginOptions): Promise<void> {
  const progress = (text: string): void => {
    if (!json) console.error(text);
  };
  progress("starting a system and signing somebody up");
  const system = await startSystem(LABORATORY);
  try {
    await signUp(system, "somebody");
    await ready;
    const request = opaque.startLogin({ password: "a guess" }).startLoginRequest;
    // Names of one length, so that the requests are.
    const sides = {
      known: new Side(system, "somebody", request),
      unknown: new Side(system, "nobodies", request),
    };
    await sides.known.measure(requests);
    await sides.unknown.measure(requests);
    sides.known.forget();
    sides.unknown.forget();
    for (let round = 1; round <= rounds; round++) {
      const order = round % 2 === 0 ? [sides.unknown, sides.known] : [sides.known, sides.unknown];
      for (const side of order) await side.measure(requests);
      progress(`round ${round} of ${rounds}`);
    }
    report({ rounds, requests, json }, sides.known.times(), sides.unknown.times());
  } finally {
    await system.stop();
  }
}

function report({ rounds, requests, json }: LoginOptions, known: Times, unknown: Times): void {
  const difference = Math.abs(known.p50Ms - unknown.p50Ms) / unknown.p50Ms;
  if (json) {
    console.log(
      JSON.stringify({ run: { rounds, requests, node: process.version }, known, unknown, difference }),
    );
    return;
  }
  const row = (name: string, { p50Ms, p99Ms }: Times): string =>
    `${name.padEnd(13)} ${p50Ms.toFixed(2).padStart(9)} ${p99Ms.toFixed(2).padStart(9)}`;
  console.log(chalk.bold("                 p50 ms    p99 ms"));
  console.log(row("known name", known));
  console.log(row("unknown name", unknown));
  console.log(`the medians differ by ${(100 * difference).toFixed(1)} %`);
}

/** One name, asked for again and again. */
class Side {
  #latency = new Latency();

  constructor(
    private readonly system: SystemProcess,
    private readonly name: string,
    private readonly request: string,
  ) {}

  async measure(requests: number): Promise<void> {
    const { host, port } = this.system.address;
    const options: autocannon.Options = {
      url: `https://${host}:${port}${PATHS.loginStart}`,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: this.name, request: this.request }),
      amount: requests,
      connections: 2,
      tlsOptions: { rejectUnauthorized: false },
    };
    const result = await new Promise<autocannon.Result>((resolve, reject) => {
      const running = autocannon(options, (error: Error | null, done) => {
        if (error === null) resolve(done);
        else reject(error);
      });
      // Its own histogram counts whole milliseconds; the times it tells of each response are finer.
      running.on("response", (_client, _status, _bytes, milliseconds) => {
        this.#latency.recordMs(milliseconds);
      });
    });
    if (result["2xx"] !== requests) {
      throw new Error(
        `of ${requests} requests ${result["2xx"]} were answered with success; nothing can be compared`,
      );
    }
  }

  forget(): void {
    this.#latency = new Latency();
  }

  times(): Times {
    const { p50, p99 } = this.#latency.percentiles();
    return { p50Ms: p50, p99Ms: p99 };
  }
}

async function signUp(system: SystemProcess, name: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "fastchat-bench-device-"));
  const device = await openDevice({ home: new DeviceHome(folder), address: system.address, onFirstUse() {} });
  try {
    const registration = { name, password: "bench bench bench", deviceLabel: "bench", rsaBits: 2048 };
    const client = await Client.register(device.ports, registration, { acceptWeakStretching: true });
    await client.close();
  } finally {
    await device.close();
    await rm(folder, { recursive: true, force: true });
  }
}
