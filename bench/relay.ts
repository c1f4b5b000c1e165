/** `npm run bench -- relay`: how fast acknowledged messages pass, beside a relay that does nothing but pass bytes. */
import { fork, type ChildProcess } from "node:child_process";
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import chalk from "chalk";
import { generate } from "selfsigned";
import type { CommandModule } from "yargs";
import { concatBytes, utf8 } from "../src/protocol/bytes.js";
import { PROTOCOL_VERSION, clientMessages } from "../src/protocol/chat.js";
import { TICKET_LABEL, encodeTicketClaims } from "../src/protocol/grants.js";
import { RelayClients, type HelloFor, type RelayRun } from "./relay/clients.js";
import { deviceOf, planRelay, type RelayPlan } from "./relay/plan.js";
import type { FromServerProcess, TlsMaterial, ToServerProcess } from "./relay/thread-messages.js";

interface RelayOptions {
  readonly seconds: number;
  readonly rounds: number;
  readonly pairs: number;
  readonly window: number;
  readonly size: number;
  readonly servers: number;
  readonly json: boolean;
}

/** One side's figures over all rounds. */
interface SideReport {
  readonly messagesPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  /** CPU time of the server process for each message, in microseconds. */
  readonly serverCpuMicros: number;
  /** CPU time of the server process over wall time; 2 means two cores. */
  readonly serverCores: number;
}

export const relayCommand: CommandModule<object, RelayOptions> = {
  command: "relay",
  describe: "acknowledged messages between pairs on different servers, beside a bare TLS relay",
  builder: (args) =>
    args
      .option("seconds", { type: "number", default: 10, describe: "how long each side is measured, in all" })
      .option("rounds", { type: "number", default: 5, describe: "the two sides take turns so many times" })
      .option("pairs", { type: "number", default: 50, describe: "pairs of people" })
      .option("window", { type: "number", default: 8, describe: "messages a sender has on the way" })
      .option("size", { type: "number", default: 512, describe: "opaque bytes a message" })
      .option("servers", { type: "number", default: 3, describe: "chat servers" })
      .option("json", { type: "boolean", default: false, describe: "print one JSON object" })
      .check(({ seconds, rounds, pairs, window, size, servers }) => {
        for (const [name, value] of Object.entries({ rounds, pairs, window, size, servers })) {
          if (!Number.isInteger(value) || value < 1)
            throw new Error(`--${name} must be a whole number from 1.`);
        }
        if (!(seconds > 0)) throw new Error("--seconds must be more than 0.");
        if (servers < 2) throw new Error("--servers must be at least 2: the pairs are on different servers.");
        return true;
      }),
  handler: (options) => measureRelay(options),
};

async function measureRelay(options: RelayOptions): Promise<void> {
  const { seconds, rounds, pairs, window, size, servers, json } = options;
  const progress = (text: string): void => {
    if (!json) console.error(text);
  };
  const plan = planRelay(servers, pairs, size);
  const tls = await certificate();
  const grants = generateKeyPairSync("ed25519");
  const grantPublicKey = grants.publicKey.export({ type: "spki", format: "pem" }).toString();
  progress(`starting ${servers} chat servers and as many bare relays, connecting ${pairs} pairs to each`);
  const sides = {
    fastchat: await Side.start(
      "fastchat",
      { plan, tls, grantPublicKey },
      fastchatHello(plan, grants.privateKey),
      window,
    ),
    bare: await Side.start("bare", { plan, tls, grantPublicKey }, bareHello, window),
  };
  try {
    await sides.fastchat.warmUp();
    await sides.bare.warmUp();
    for (let round = 1; round <= rounds; round++) {
      // In turns, so that what else the machine does falls on both.
      const fastchat = await sides.fastchat.measure(seconds / rounds);
      const bare = await sides.bare.measure(seconds / rounds);
      progress(`round ${round} of ${rounds}: ${Math.round(fastchat)} messages/s, bare ${Math.round(bare)}`);
    }
  } finally {
    await Promise.all([sides.fastchat.stop(), sides.bare.stop()]);
  }
  report(options, sides.fastchat.report(), sides.bare.report());
}

function report(options: RelayOptions, fastchat: SideReport, bare: SideReport): void {
  const ratio = fastchat.messagesPerSecond / bare.messagesPerSecond;
  if (options.json) {
    const { seconds, rounds, pairs, window, size, servers } = options;
    console.log(
      JSON.stringify({
        run: { seconds, rounds, pairs, window, size, servers, node: process.version },
        messagesPerSecond: fastchat.messagesPerSecond,
        bareMessagesPerSecond: bare.messagesPerSecond,
        ratio,
        cpuRatio: bare.serverCpuMicros / fastchat.serverCpuMicros,
        fastchat,
        bare,
      }),
    );
    return;
  }
  const row = (name: string, side: SideReport): string =>
    `${name.padEnd(10)} ${side.messagesPerSecond.toFixed(0).padStart(10)} ${side.latencyMs.p50.toFixed(2).padStart(9)} ${side.latencyMs.p99.toFixed(2).padStart(9)} ${side.serverCpuMicros.toFixed(1).padStart(12)} ${side.serverCores.toFixed(2).padStart(7)}`;
  console.log(chalk.bold("           messages/s    p50 ms    p99 ms  CPU µs/msg   cores"));
  console.log(row("FastChat", fastchat));
  console.log(row("bare relay", bare));
  console.log(`ratio ${ratio.toFixed(3)} (messages/s, FastChat to bare relay)`);
}

type StartData = Extract<ToServerProcess, { type: "start" }>["data"];

/** A server process of one kind, with the clients connected to it. */
class Side {
  #messages = 0;
  #seconds = 0;
  #cpuMicros = 0;
  readonly #runs: RelayRun[] = [];

  private constructor(
    private readonly child: ChildProcess,
    private readonly clients: RelayClients,
  ) {}

  static async start(
    kind: "fastchat" | "bare",
    data: StartData,
    hello: HelloFor,
    window: number,
  ): Promise<Side> {
    const child = fork(new URL("./relay/server-process.js", import.meta.url), {
      stdio: ["ignore", 2, 2, "ipc"],
    });
    const { ports } = await ask(child, { type: "start", kind, data }, "ready");
    return new Side(child, await RelayClients.connect(data.plan, ports, data.tls.cert, hello, window));
  }

  async warmUp(): Promise<void> {
    await this.clients.run(2);
  }

  /** @returns messages a second in this round */
  async measure(seconds: number): Promise<number> {
    const before = (await ask(this.child, { type: "cpu" }, "cpu")).micros;
    const run = await this.clients.run(seconds);
    this.#cpuMicros += (await ask(this.child, { type: "cpu" }, "cpu")).micros - before;
    this.#messages += run.messages;
    this.#seconds += run.seconds;
    this.#runs.push(run);
    return run.messages / run.seconds;
  }

  report(): SideReport {
    const [first, ...others] = this.#runs;
    if (first === undefined) throw new Error("nothing was measured");
    for (const { latency } of others) first.latency.add(latency);
    const { p50, p99 } = first.latency.percentiles();
    return {
      messagesPerSecond: this.#messages / this.#seconds,
      latencyMs: { p50, p99 },
      serverCpuMicros: this.#cpuMicros / this.#messages,
      serverCores: this.#cpuMicros / 1e6 / this.#seconds,
    };
  }

  async stop(): Promise<void> {
    this.clients.close();
    const exited = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.send({ type: "stop" } satisfies ToServerProcess);
    await exited;
  }
}

function ask<Type extends FromServerProcess["type"]>(
  child: ChildProcess,
  question: ToServerProcess,
  type: Type,
): Promise<Extract<FromServerProcess, { type: Type }>> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      child.off("message", messageOnChild);
      child.off("exit", exitOnChild);
    };
    const messageOnChild = (message: FromServerProcess): void => {
      if (message.type !== type) return;
      done();
      resolve(message as Extract<FromServerProcess, { type: Type }>);
    };
    const exitOnChild = (code: number | null): void => {
      done();
      reject(new Error(`a server process ended with ${code ?? "a signal"} while it was asked for ${type}`));
    };
    child.on("message", messageOnChild);
    child.on("exit", exitOnChild);
    child.send(question);
  });
}

async function certificate(): Promise<TlsMaterial> {
  const made = await generate([{ name: "commonName", value: "127.0.0.1" }], {
    keyType: "ec",
    curve: "P-256",
  });
  return { cert: made.cert, key: made.private };
}

/** A real hello with a real ticket. */
function fastchatHello(plan: RelayPlan, key: KeyObject): HelloFor {
  return (index, role) => {
    const pair = plan.pairs[index];
    const server = pair === undefined ? undefined : plan.view.members[pair.path[role === "sender" ? 0 : 2]];
    if (pair === undefined || server === undefined) throw new Error(`the plan has no pair ${index}`);
    const account = pair[role];
    const claims = encodeTicketClaims({
      account,
      device: deviceOf(account),
      server: server.id,
      incarnation: server.incarnation,
      expiresAt: Date.now() + 60_000,
      nonce: new Uint8Array(randomBytes(16)),
    });
    const signature = sign(null, concatBytes(utf8(TICKET_LABEL), new Uint8Array(1), claims), key);
    const ticket = concatBytes(claims, signature);
    return clientMessages.encode({
      type: "hello",
      version: PROTOCOL_VERSION,
      ticket,
      attach: role === "recipient",
    });
  };
}

const bareHello: HelloFor = (index, role) =>
  Uint8Array.of(index >> 8, index & 255, role === "sender" ? 0 : 1);
