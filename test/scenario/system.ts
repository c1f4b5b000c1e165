/**
 * A whole system in the test's own thread: balancer, archive and chat servers linked by MessagePorts, TLS sockets for
 * the clients, real clients with real keys. Only the password hash is light, as the laboratory's is.
 */
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request } from "node:https";
import { text } from "node:stream/consumers";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { ready, server as opaque } from "@serenity-kit/opaque";
import { generate } from "selfsigned";
import { Client, type ClientOptions } from "../../src/client/core/client.js";
import type { Registration } from "../../src/client/core/account.js";
import type { ReceivedMessage } from "../../src/client/core/messages.js";
import { openDevice, type NodeDevice } from "../../src/client/node/device.js";
import { DeviceHome } from "../../src/client/node/home.js";
import { OpaqueWorker } from "../../src/client/node/opaque.js";
import { readConfig } from "../../src/config.js";
import { createBalancer, type Balancer } from "../../src/lb/balancer.js";
import type { AskSupervisor } from "../../src/lb/operator/fleet.js";
import { systemClock, systemRandom } from "../../src/node/clock.js";
import { toBase64Url, toHex } from "../../src/protocol/bytes.js";
import { OPERATOR_PATHS, type OperatorStatus } from "../../src/protocol/operator.js";
import type { Incarnation, ServerId } from "../../src/protocol/ids.js";
import type { Log } from "../../src/protocol/runtime.js";
import type { Duty, FromThread, Listening, ToThread } from "../../src/protocol/threads.js";
import type { View } from "../../src/protocol/view.js";
import { archiveMigrations } from "../../src/store/migrations/archive.js";
import { serviceMigrations } from "../../src/store/migrations/service.js";
import { sqlArchive } from "../../src/store/sql-archive.js";
import { sqlFiles } from "../../src/store/sql-files.js";
import { startArchiveThread } from "../../src/workers/archive/archive-thread.js";
import { startChatThread } from "../../src/workers/chat/chat-thread.js";
import type { ThreadBody } from "../../src/workers/thread.js";
import type { Engine, OpenedDatabase } from "../engines/engine.js";

export const PASSWORD = "correct horse battery";
/** As shipped, but for a light password hash and room for many people behind one address. */
export const config = readConfig(
  "config/globals.json",
  [
    { key: "password.iterations", value: 1, source: "test" },
    { key: "password.memoryKiB", value: 8, source: "test" },
    { key: "password.parallelism", value: 1, source: "test" },
    { key: "limits.registrationsPerMinutePerAddress", value: 10_000, source: "test" },
    { key: "limits.loginsPerMinutePerAddress", value: 10_000, source: "test" },
    { key: "limits.requestsPerMinutePerAddress", value: 100_000, source: "test" },
  ],
  ".",
);
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

interface Member {
  readonly id: ServerId;
  readonly incarnation: Incarnation;
  readonly body: ThreadBody;
  readonly listening: Listening;
  duty: Duty;
  /** Ports of its links and to the balancer, to be cut where it is killed. */
  readonly prepared: Map<number, () => void>;
}

/** What operators show. */
const OPERATOR_TOKEN = randomBytes(32);

interface Archive {
  readonly port: number;
  stop(): Promise<void>;
}

export class System {
  readonly members = new Map<ServerId, Member>();
  readonly #devices: NodeDevice[] = [];
  readonly #clients: Client[] = [];
  readonly #opaque = new OpaqueWorker();
  readonly #agent = new Agent({ rejectUnauthorized: false, keepAlive: true });
  #view: View = { number: 0, members: [] };

  #rebalancing = false;

  private constructor(
    private readonly folder: string,
    private readonly service: OpenedDatabase,
    private readonly archives: OpenedDatabase,
    private readonly secrets: { tls: { cert: string; key: string }; grantPublicKey: string },
    private readonly startBalancer: (port: number) => Promise<Balancer>,
    private balancer: Balancer,
    private archive: Archive,
  ) {}

  static async start(engine: Engine, servers = 3): Promise<System> {
    // Not the runner's own test folder: that is removed while clients still put their last files into it.
    const folder = await mkdtemp(join(tmpdir(), "fastchat-scenario-"));
    const service = await engine.open(serviceMigrations);
    const archives = await engine.open(archiveMigrations);
    const made = await generate([{ name: "commonName", value: "127.0.0.1" }], {
      keyType: "ec",
      curve: "P-256",
      extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
    });
    const tls = { cert: made.cert, key: made.private };
    const grants = generateKeyPairSync("ed25519");
    const grantPublicKey = grants.publicKey.export({ type: "spki", format: "pem" }).toString();
    await ready;
    const opaqueSetup = opaque.createSetup();
    let supervise: AskSupervisor = () => undefined;
    const startBalancer = (port: number): Promise<Balancer> =>
      createBalancer({
        ...config,
        database: service.db,
        clock: systemClock,
        random: systemRandom,
        log: silent,
        tls,
        host: "127.0.0.1",
        port,
        publicHost: "127.0.0.1",
        strategy: "least-connections",
        registration: "open",
        opaqueSetup,
        opaqueThreads: 1,
        grantKey: grants.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
        operatorTokenHash: createHash("sha256").update(OPERATOR_TOKEN).digest(),
        askSupervisor: (message) => supervise(message),
      });
    const system = new System(
      folder,
      service,
      archives,
      { tls, grantPublicKey },
      startBalancer,
      await startBalancer(0),
      { port: 0, stop: () => Promise.resolve() },
    );
    supervise = (message) => system.#supervise(message);
    await system.startArchive();
    for (let i = 1; i <= servers; i++) await system.startServer(`chat-${i}`);
    await system.changeView();
    return system;
  }

  /** Starts the archive, on the port that it had. */
  async startArchive(): Promise<void> {
    const data = { ...config, ...this.secrets, host: "127.0.0.1", port: this.archive.port };
    const body = await startArchiveThread(
      data,
      { archives: sqlArchive(this.archives.db), files: sqlFiles(this.archives.db) },
      silent,
    );
    if (body.listening === undefined) throw new Error("an archive listens");
    this.archive = { port: body.listening.port, stop: () => body.stop() };
    this.balancer.setArchive(body.listening);
  }

  /** How many archives the service keeps. */
  async countArchives(): Promise<number> {
    const { rows } = await this.archives.db.query<{ count: string }>({
      text: "SELECT count(*) FROM archives",
    });
    return Number(rows[0]?.count);
  }

  /** How many messages wait for people. */
  async countDeliveries(): Promise<number> {
    const { rows } = await this.service.db.query<{ count: string }>({
      text: "SELECT count(*) FROM deliveries",
    });
    return Number(rows[0]?.count);
  }

  stopArchive(): Promise<void> {
    return this.archive.stop();
  }

  /** Starts a chat server and links it to all others and to the balancer; it serves after the next view. */
  async startServer(name: string): Promise<void> {
    const id = name as ServerId;
    const incarnation = toHex(systemRandom.bytes(16)) as Incarnation;
    const prepared = new Map<number, () => void>();
    const body = await startChatThread(
      { ...config, ...this.secrets, id, incarnation, host: "127.0.0.1", port: 0 },
      this.service.db,
      silent,
      (message: FromThread) => {
        if (message.type === "prepared") prepared.get(message.view)?.();
      },
    );
    const { listening } = body;
    if (listening === undefined) throw new Error("a chat server listens");
    for (const other of this.members.values()) {
      const { port1, port2 } = new MessageChannel();
      body.onMessage({ type: "link", peer: other.id, incarnation: other.incarnation, port: port1 });
      other.body.onMessage({ type: "link", peer: id, incarnation, port: port2 });
    }
    const { port1, port2 } = new MessageChannel();
    body.onMessage({ type: "balancer", port: port1 });
    this.balancer.addServer({ id, incarnation, listening }, port2);
    this.members.set(id, { id, incarnation, body, listening, duty: "serving", prepared });
    this.#tellFleet();
  }

  /** Says what a chat server is for from now on, as the supervisor does for an operator. */
  setDuty(name: string, duty: Duty): void {
    const member = this.members.get(name as ServerId);
    if (member === undefined) throw new Error(`there is no server ${name}`);
    member.duty = duty;
    this.#tellFleet();
  }

  /** The balancer dies, and another one takes its place: it has to be told everything anew. */
  async restartBalancer(): Promise<void> {
    const { port } = this.balancer.listening;
    await this.balancer.close();
    this.balancer = await this.startBalancer(port);
    this.balancer.setArchive({ host: "127.0.0.1", port: this.archive.port });
    for (const { id, incarnation, listening, body } of this.members.values()) {
      const { port1, port2 } = new MessageChannel();
      body.onMessage({ type: "balancer", port: port1 });
      this.balancer.addServer({ id, incarnation, listening }, port2);
    }
    this.#tellFleet();
  }

  /** Connections of each server, as the balancer knows them. */
  async connections(): Promise<Record<string, number>> {
    const { servers } = (await this.asOperator("GET", OPERATOR_PATHS.status)) as OperatorStatus;
    return Object.fromEntries(servers.map(({ id, connections }) => [id, connections]));
  }

  /** Asks the balancer what only operators may. */
  async asOperator(method: "GET" | "POST", path: string): Promise<unknown> {
    const body = method === "POST" ? "{}" : "";
    const headers = {
      authorization: `Bearer ${toBase64Url(OPERATOR_TOKEN)}`,
      ...(method === "POST" ? { "content-type": "application/json", "content-length": body.length } : {}),
    };
    const { port } = this.balancer.listening;
    return new Promise((resolve, reject) => {
      const asking = request(
        { host: "127.0.0.1", port, method, path, headers, agent: this.#agent },
        (answer) => void text(answer).then((said) => resolve(JSON.parse(said)), reject),
      );
      asking.on("error", reject);
      asking.end(body);
    });
  }

  /** In place of a supervisor, as far as operators need one here. */
  #supervise(message: Parameters<AskSupervisor>[0]): void {
    if (message.type === "emptied") return;
    this.#rebalancing = message.type === "order" && message.order.do === "rebalance";
    this.#tellFleet();
    if (message.type === "order") this.balancer.fleet.ordered(message.ref, null);
  }

  #tellFleet(): void {
    this.balancer.fleet.update(
      [...this.members.values()].map(({ id, duty }) => ({
        id,
        kind: "chat",
        life: "running",
        duty,
        restarts: 0,
        trouble: null,
      })),
      this.#rebalancing,
    );
  }

  /** Stops a chat server, as a supervisor that drains it would, and tells the others. */
  async stopServer(name: string): Promise<void> {
    const member = this.members.get(name as ServerId);
    if (member === undefined) throw new Error(`there is no server ${name}`);
    this.members.delete(member.id);
    this.balancer.removeServer(member.id, member.incarnation);
    this.#tellFleet();
    for (const other of this.members.values()) {
      other.body.onMessage({ type: "unlink", peer: member.id, incarnation: member.incarnation });
    }
    await member.body.stop();
  }

  async changeView(): Promise<void> {
    const members = [...this.members.values()].map(({ id, incarnation }) => ({ id, incarnation }));
    this.#view = { number: this.#view.number + 1, members };
    const tell = (message: ToThread): void => {
      for (const { body } of this.members.values()) body.onMessage(message);
    };
    const prepared = [...this.members.values()].map(
      (member) => new Promise<void>((resolve) => member.prepared.set(this.#view.number, resolve)),
    );
    tell({ type: "prepare", view: this.#view });
    await Promise.all(prepared);
    tell({ type: "activate", view: this.#view });
  }

  /** A device with an empty folder of its own; the same name is the same folder. */
  async device(name: string): Promise<NodeDevice> {
    const device = await openDevice({
      home: new DeviceHome(join(this.folder, name)),
      address: { host: "127.0.0.1", port: this.balancer.listening.port, pin: null },
      onFirstUse() {},
      certificateAuthorities: [this.secrets.tls.cert],
      opaque: this.#opaque,
    });
    this.#devices.push(device);
    return device;
  }

  async register(name: string, device = name, more: Pick<Registration, "archive"> = {}): Promise<Client> {
    const { ports } = await this.device(device);
    const registration = { name, password: PASSWORD, deviceLabel: device, rsaBits: 2048, ...more };
    return this.#keep(await Client.register(ports, registration, LABORATORY));
  }

  async login(name: string, device: string, password = PASSWORD): Promise<Client> {
    const { ports } = await this.device(device);
    return this.#keep(await Client.login(ports, { name, password, deviceLabel: device }, LABORATORY));
  }

  async resume(device: string): Promise<Client> {
    const { ports } = await this.device(device);
    return this.#keep(await Client.resume(ports, LABORATORY));
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.close();
    for (const device of this.#devices) await device.close();
    await this.#opaque.close();
    this.#agent.destroy();
    for (const id of [...this.members.keys()]) await this.stopServer(id);
    await this.archive.stop();
    await this.balancer.close();
    await this.service.close();
    await this.archives.close();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #keep(client: Client): Client {
    this.#clients.push(client);
    return client;
  }
}

const LABORATORY: ClientOptions = { acceptWeakStretching: true };

/** Listens, and lets a test wait for what comes. */
export class Ear {
  readonly messages: ReceivedMessage[] = [];
  live = false;
  /** How often there was no connection. */
  outages = 0;
  #waiting: (() => void)[] = [];

  static async open(client: Client): Promise<Ear> {
    const ear = new Ear();
    const listening = await client.listen({
      onMessage: (message) => {
        ear.messages.push(message);
        ear.#changed();
      },
      onLive: () => {
        ear.live = true;
        ear.#changed();
      },
      onStatus: ({ kind }) => {
        if (kind === "offline") ear.outages++;
      },
    });
    ear.stop = () => listening.stop();
    return ear;
  }

  stop: () => Promise<void> = () => Promise.resolve();

  get texts(): string[] {
    return this.messages.map(({ text }) => text);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
