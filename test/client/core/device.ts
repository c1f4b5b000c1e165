/** A device of a test: its files, and the ports of one process on it, which a test can kill. */
import { createHash, randomBytes } from "node:crypto";
import { writeAccount } from "../../../src/client/core/account-file.js";
import { Client, type ClientOptions } from "../../../src/client/core/client.js";
import { DeviceFiles } from "../../../src/client/core/device-files.js";
import type { ReceivedMessage } from "../../../src/client/core/messages.js";
import type { ClientPorts, OpaqueClient } from "../../../src/client/core/ports.js";
import { sealVault } from "../../../src/crypto/vault.js";
import { toBase64Url, utf8 } from "../../../src/protocol/bytes.js";
import type { UserName } from "../../../src/protocol/ids.js";
import type { Timer } from "../../../src/protocol/runtime.js";
import type { MemoryEnd } from "../../../src/node/memory-channel.js";
import { person, type Person } from "../../crypto/people.js";
import { MemoryStorage } from "./memory-storage.js";
import { textOfBase64Url, turn, type Service } from "./service.js";

/** Makes of a password what OPAQUE would, as far as the client's core can tell. */
export const opaque: OpaqueClient = {
  startRegistration: (password) =>
    Promise.resolve({ state: password, request: toBase64Url(utf8("request")) }),
  finishRegistration: ({ password }) =>
    Promise.resolve({ record: toBase64Url(utf8(password)), exportKey: exportKeyOf(password) }),
  startLogin: (password) => Promise.resolve({ state: password, request: toBase64Url(utf8("request")) }),
  finishLogin: ({ password, response }) =>
    Promise.resolve(
      textOfBase64Url(response) === password
        ? { request: toBase64Url(utf8("finish")), exportKey: exportKeyOf(password) }
        : null,
    ),
};

export function exportKeyOf(password: string): Uint8Array {
  return new Uint8Array(createHash("sha512").update(password).digest());
}

export const PASSWORD = "correct horse";

export type Name = "alice" | "bob" | "carol";

/** Gives a person an account with the service. */
export async function enrol(service: Service, name: Name): Promise<Person> {
  const known = await person(name);
  const vault = await sealVault({
    contents: known.contents,
    account: known.account,
    generation: 1,
    exportKey: exportKeyOf(PASSWORD),
  });
  service.addAccount(name as UserName, known.account, known.card, vault, toBase64Url(utf8(PASSWORD)));
  return known;
}

/** One process: what it holds is gone when it is killed, what is on its device is not. */
export class Process {
  readonly storage: MemoryStorage;
  readonly ports: ClientPorts;
  readonly #service: Service;
  readonly #channels = new Set<MemoryEnd>();
  readonly #timers = new Set<Timer>();
  #alive = true;

  constructor(service: Service, files: ReadonlyMap<string, Uint8Array> | MemoryStorage = new Map()) {
    this.#service = service;
    this.storage = files instanceof MemoryStorage ? files : new MemoryStorage(files);
    this.storage.onDeath = () => this.#die();
    this.ports = {
      storage: this.storage,
      opaque,
      random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
      clock: {
        now: () => service.clock.now(),
        after: (ms, callback) => {
          const timer = service.clock.after(ms, () => {
            this.#timers.delete(timer);
            if (this.#alive) callback();
          });
          this.#timers.add(timer);
          return {
            cancel: () => {
              this.#timers.delete(timer);
              timer.cancel();
            },
          };
        },
      },
      http: {
        request: (...request) => this.#alone(service.http.request(...request)),
      },
      transport: {
        connect: async (endpoint, handlers) => {
          const channel = await this.#alone(service.connect(endpoint));
          this.#channels.add(channel);
          channel.handle({
            onFrame: (content) => {
              if (this.#alive) handlers.onFrame(content);
            },
            onDrain: () => {
              if (this.#alive) handlers.onDrain();
            },
            onClose: (error) => {
              this.#channels.delete(channel);
              if (this.#alive) handlers.onClose(error);
            },
          });
          return channel;
        },
      },
    };
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** What would keep a real process from ending: timers that run and channels that are open. */
  get busy(): { readonly timers: number; readonly channels: number } {
    return { timers: this.#timers.size, channels: this.#channels.size };
  }

  /** Its connections break off. */
  cut(): void {
    for (const channel of [...this.#channels]) channel.destroy();
  }

  /** Ends the process as it stands, and begins another on the same device. */
  restart(): Process {
    this.storage.onAct = null;
    this.storage.die();
    return new Process(this.#service, this.storage.files);
  }

  #die(): void {
    this.#alive = false;
    this.cut();
  }

  /** What a dead process asked for is never answered to it. */
  async #alone<T>(asking: Promise<T>): Promise<T> {
    try {
      const answer = await asking;
      return this.#alive ? answer : await new Promise<T>(() => undefined);
    } catch (error) {
      if (this.#alive) throw error;
      return new Promise<T>(() => undefined);
    }
  }
}

/** A process on a device that is signed in. */
export async function signedIn(service: Service, who: Person, name: Name): Promise<Process> {
  const process = new Process(service);
  const files = await DeviceFiles.open(process.storage);
  await writeAccount(files, {
    ...service.signIn(who.account),
    name: name as UserName,
    card: who.card,
    vaultGeneration: 1,
    vault: who.contents,
    archiveMade: false,
  });
  return process;
}

/** Two people with an account each, signed in on a device each. */
export async function twoPeople(service: Service): Promise<{
  alice: Person;
  bob: Person;
  onAlices: Process;
  onBobs: Process;
}> {
  const alice = await enrol(service, "alice");
  const bob = await enrol(service, "bob");
  return {
    alice,
    bob,
    onAlices: await signedIn(service, alice, "alice"),
    onBobs: await signedIn(service, bob, "bob"),
  };
}

export function resume({ ports }: Process, options?: ClientOptions): Promise<Client> {
  return Client.resume(ports, options);
}

/** Waits until something is so, while no time passes. */
export async function until(so: () => boolean): Promise<void> {
  while (!so()) await turn();
}

/** Lets the loop turn so often while no time passes, for what must not happen meanwhile. */
export async function turns(count: number): Promise<void> {
  for (let index = 0; index < count; index++) await turn();
}

/** Waits until something is so, or has settled, while time passes. */
export async function inTime<T>(
  service: Service,
  awaited: Promise<T> | (() => boolean),
): Promise<T | undefined> {
  let done = false;
  let outcome: Promise<T | undefined>;
  if (typeof awaited === "function") {
    outcome = Promise.resolve(undefined);
  } else {
    outcome = awaited;
    const settled = (): void => {
      done = true;
    };
    awaited.then(settled, settled);
  }
  const isSo = typeof awaited === "function" ? awaited : () => done;
  for (let turns = 1; !isSo(); turns++) {
    await turn();
    // Slowly, so that what takes turns of the loop and not time is done first.
    if (turns % 20 === 0) service.clock.advance(50);
  }
  return outcome;
}

/** Listens and keeps what came. */
export async function listenTo(client: Client): Promise<{
  readonly got: ReceivedMessage[];
  readonly texts: () => string[];
  readonly listening: Awaited<ReturnType<Client["listen"]>>;
}> {
  const got: ReceivedMessage[] = [];
  const listening = await client.listen({ onMessage: (message) => void got.push(message) });
  return { got, texts: () => got.map(({ text }) => text), listening };
}
