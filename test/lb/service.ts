/** A balancer in the test's own thread, spoken to over real HTTPS, and a client's half of OPAQUE with a tiny cost. */
import { createHash, generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { client, ready, server } from "@serenity-kit/opaque";
import { generate } from "selfsigned";
import type { Test } from "tap";
import type { Config } from "../../src/config.js";
import { identityFromSeed, newIdentitySeed } from "../../src/crypto/identity.js";
import { signCard } from "../../src/crypto/card.js";
import { createBalancer, type Balancer, type BalancerOptions } from "../../src/lb/balancer.js";
import type { AskSupervisor } from "../../src/lb/operator/fleet.js";
import { createLog } from "../../src/node/log.js";
import { systemRandom } from "../../src/node/clock.js";
import { toBase64Url } from "../../src/protocol/bytes.js";
import {
  PATHS,
  type LoginStarted,
  type RegisterFinish,
  type RegisterStarted,
  type SignedIn,
} from "../../src/protocol/http.js";
import { parseUserName } from "../../src/protocol/ids.js";
import type { FromBalancer, ServerEntry, ToBalancer } from "../../src/protocol/threads.js";
import type { Database } from "../../src/store/database.js";
import { serviceMigrations } from "../../src/store/migrations/service.js";
import { pgMemEngine } from "../engines/pg-mem.js";
import { VirtualClock } from "../../bench/simulation/virtual-clock.js";
import { known } from "./loads.js";

await ready;

const globals = JSON.parse(
  readFileSync(new URL("../../../config/globals.json", import.meta.url), "utf8"),
) as Config;
export const certificate = await generate([{ name: "commonName", value: "fastchat" }], {
  keyType: "ec",
  curve: "P-256",
});
const setup = server.createSetup();
export const grantKeys = generateKeyPairSync("ed25519");
const encryptionKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({
  type: "spki",
  format: "der",
});
export const TINY_COST = { algorithm: "argon2id", iterations: 1, memoryKiB: 8, parallelism: 1 } as const;

/** What operators show. */
export const OPERATOR_TOKEN = randomBytes(32);

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body, where it is JSON. */
  readonly body: unknown;
}

export interface Asked {
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The address of this machine that it comes from; 127.0.0.1 if not given. */
  readonly from?: string;
  /** In place of a body: the bytes as they are. */
  readonly raw?: string;
}

export interface Service {
  readonly balancer: Balancer;
  readonly clock: VirtualClock;
  readonly db: Database;
  /** What the balancer logged, a JSON object a line. */
  readonly log: string[];
  /** What the balancer asked of the supervisor. */
  readonly asked: Parameters<AskSupervisor>[0][];
  ask(method: string, path: string, asked?: Asked): Promise<Reply>;
  /** A chat server of our own: what the balancer says comes out of its port. */
  addServer(entry: ServerEntry): ServerLine;
}

export interface ServerLine {
  readonly port: MessagePort;
  say(message: ToBalancer): void;
  heard(): Promise<FromBalancer>;
}

export interface Overrides {
  readonly limits?: Partial<Config["limits"]>;
  readonly timeouts?: Partial<Config["timeouts"]>;
  readonly password?: Config["password"];
  readonly strategy?: string;
  readonly registration?: Config["registration"];
  readonly db?: Database;
  readonly clock?: VirtualClock;
  readonly tls?: BalancerOptions["tls"];
  readonly listen?: { readonly host: string; readonly port: number };
}

/** Starts a balancer on pg-mem; it ends with the test. */
export async function startService(t: Test, over: Overrides = {}): Promise<Service> {
  const clock = over.clock ?? new VirtualClock();
  const log: string[] = [];
  const asked: Service["asked"] = [];
  const db = over.db ?? (await openDatabase(t));
  const options: BalancerOptions = {
    database: db,
    clock,
    random: systemRandom,
    log: createLog({ level: "debug" }, {}, (line) => log.push(line)),
    tls: over.tls ?? { cert: certificate.cert, key: certificate.private },
    ...(over.listen ?? { host: "127.0.0.1", port: 0 }),
    publicHost: "chat.example",
    strategy: over.strategy ?? "least-busy",
    registration: over.registration ?? "open",
    password: over.password ?? { iterations: 1, memoryKiB: 8, parallelism: 1 },
    opaqueSetup: setup,
    opaqueThreads: 1,
    grantKey: pem(grantKeys.privateKey),
    operatorTokenHash: createHash("sha256").update(OPERATOR_TOKEN).digest(),
    askSupervisor: (message) => asked.push(message),
    limits: { ...globals.limits, ...over.limits },
    timeouts: { ...globals.timeouts, ...over.timeouts },
  };
  const balancer = await createBalancer(options);
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  t.teardown(async () => {
    agent.destroy();
    await balancer.close();
  });
  return {
    balancer,
    clock,
    db,
    log,
    asked,
    ask: (method, path, asked = {}) => ask(agent, balancer.listening.port, method, path, asked),
    addServer(entry) {
      const { port1, port2 } = new MessageChannel();
      balancer.addServer(entry, port1);
      t.teardown(() => port2.close());
      return {
        port: port2,
        say: (message) => port2.postMessage(message),
        heard: async () => ((await once(port2, "message")) as [FromBalancer])[0],
      };
    },
  };
}

async function openDatabase(t: Test): Promise<Database> {
  const { db, close } = await pgMemEngine.open(serviceMigrations);
  // Registered before the balancer's own end, and so run after it.
  t.teardown(close);
  return db;
}

function pem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

async function ask(agent: Agent, port: number, method: string, path: string, asked: Asked): Promise<Reply> {
  const payload = asked.raw ?? (asked.body === undefined ? undefined : JSON.stringify(asked.body));
  const request = httpsRequest({
    agent,
    host: "127.0.0.1",
    port,
    localAddress: asked.from ?? "127.0.0.1",
    method,
    path,
    headers: {
      ...(payload === undefined
        ? {}
        : { "content-type": "application/json", "content-length": Buffer.byteLength(payload) }),
      ...(asked.token === undefined ? {} : { authorization: `Bearer ${asked.token}` }),
      ...asked.headers,
    },
  });
  request.end(payload);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const isJson = response.headers["content-type"]?.startsWith("application/json") ?? false;
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    body: isJson ? (JSON.parse(text) as unknown) : undefined,
  };
}

/** What a client sends as its last step of sign-up. */
export async function signUpBody(
  { ask }: Pick<Service, "ask">,
  name: string,
  password = "correct horse",
  invite?: string,
): Promise<RegisterFinish> {
  const { clientRegistrationState, registrationRequest } = client.startRegistration({ password });
  const invited = invite === undefined ? {} : { invite };
  const started = await ask("POST", PATHS.registerStart, {
    body: { name, request: registrationRequest, ...invited },
  });
  const { response, stretching } = started.body as RegisterStarted;
  const { registrationRecord } = client.finishRegistration({
    password,
    clientRegistrationState,
    registrationResponse: response,
    ...opaqueOptions(name),
  });
  const folded = known(parseUserName(name));
  const identity = await identityFromSeed(newIdentitySeed());
  return {
    name: folded,
    record: registrationRecord,
    stretching,
    card: await signCard({ name: folded, generation: 1, encryptionKey, identity }),
    vault: {
      generation: 1,
      sealed: toBase64Url(randomBytes(300)),
      wrappings: [
        { kind: "password", wrapped: toBase64Url(randomBytes(80)) },
        { kind: "recovery", wrapped: toBase64Url(randomBytes(80)) },
      ],
    },
    device: "a test",
    ...invited,
  };
}

export async function signUp(
  service: Pick<Service, "ask">,
  name: string,
  password?: string,
  invite?: string,
): Promise<SignedIn> {
  const body = await signUpBody(service, name, password, invite);
  const reply = await service.ask("POST", PATHS.registerFinish, { body });
  if (reply.status !== 200) throw new Error(`sign-up failed: ${reply.text}`);
  return reply.body as SignedIn;
}

/** The steps of a login: first message, the answer to it, and what the client makes of it; `null` is a wrong password. */
export async function beginLogin(
  { ask }: Pick<Service, "ask">,
  name: string,
  password = "correct horse",
): Promise<{ started: Reply; login: string; proof: string | null }> {
  const { clientLoginState, startLoginRequest } = client.startLogin({ password });
  const started = await ask("POST", PATHS.loginStart, { body: { name, request: startLoginRequest } });
  if (started.status !== 200) return { started, login: "", proof: null };
  const { login, response } = started.body as LoginStarted;
  const finished = client.finishLogin({
    password,
    clientLoginState,
    loginResponse: response,
    ...opaqueOptions(name),
  });
  return { started, login, proof: finished?.finishLoginRequest ?? null };
}

export async function logIn(service: Pick<Service, "ask">, name: string, password?: string): Promise<Reply> {
  const { login, proof } = await beginLogin(service, name, password);
  return service.ask("POST", PATHS.loginFinish, { body: { login, request: proof, device: "another" } });
}

function opaqueOptions(name: string) {
  const { iterations, memoryKiB, parallelism } = TINY_COST;
  return {
    identifiers: { client: name, server: "fastchat" },
    keyStretching: { "argon2id-custom": { iterations, memory: memoryKiB, parallelism } },
  };
}
