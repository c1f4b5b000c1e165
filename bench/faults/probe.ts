/** Asks the system, as a client would, whether it answers again. */
import { join } from "node:path";
import { connect } from "node:tls";
import { Client } from "../../src/client/core/client.js";
import { openDevice, type NodeDevice } from "../../src/client/node/device.js";
import { DeviceHome } from "../../src/client/node/home.js";
import type { ServiceAddress } from "../../src/protocol/address.js";
import { FastChatError, type ErrorCode } from "../../src/protocol/errors.js";
import { until } from "./patience.js";
import { PASSWORD } from "./person.js";

const OPTIONS = { acceptWeakStretching: true, sendPatienceMs: 3_600_000 };
const AWAY: ReadonlySet<ErrorCode> = new Set(["unreachable", "unavailable", "timeout"]);
/** For the first message, in milliseconds. */
const FIRST_MS = 60_000;
/** A listener whose loop stands still takes the connection and says nothing. */
const HANDSHAKE_MS = 1_000;

export class Probe {
  #count = 0;

  private constructor(
    private readonly device: NodeDevice,
    private readonly home: DeviceHome,
    private readonly client: Client,
  ) {}

  /** Signs two people up, of whom one is never there: what the other sends it has to be stored to be accepted. */
  static async start(address: ServiceAddress, folder: string): Promise<Probe> {
    const absent = await signUp(address, folder, "absent");
    await absent.client.close();
    await absent.device.close();
    const { client, device, home } = await signUp(address, folder, "probe");
    const probe = new Probe(device, home, client);
    // The absent one's card is looked up while everything is well.
    await probe.commit(AbortSignal.timeout(FIRST_MS));
    return probe;
  }

  /** Resolves once a message was committed in the service's database, and in its sender's archive. */
  async commit(signal: AbortSignal): Promise<void> {
    const text = `is anybody there? ${++this.#count}`;
    await until(() => this.#sends(text), signal);
    await until(async () => (await this.home.storage.list("outbox-")).length === 0, signal);
  }

  /** Resolves once a listener has shaken hands, which takes a loop that runs. */
  async handshake(port: number, signal: AbortSignal): Promise<void> {
    await until(() => shakesHands(port), signal);
  }

  async #sends(text: string): Promise<boolean> {
    try {
      await this.client.send("absent", text);
      return true;
    } catch (error) {
      // The card was asked for anew, and the balancer is away.
      if (error instanceof FastChatError && AWAY.has(error.code)) return false;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.client.close();
    await this.device.close();
  }
}

async function signUp(address: ServiceAddress, folder: string, name: string) {
  const home = new DeviceHome(join(folder, name));
  const device = await openDevice({ home, address, onFirstUse() {} });
  const registration = { name, password: PASSWORD, deviceLabel: "faults", rsaBits: 2048 };
  return { home, device, client: await Client.register(device.ports, registration, OPTIONS) };
}

function shakesHands(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, timeout: HANDSHAKE_MS });
    const done = (answer: boolean): void => {
      resolve(answer);
      socket.destroy();
    };
    socket.once("secureConnect", () => done(true));
    socket.once("timeout", () => done(false));
    socket.once("error", () => done(false));
    socket.once("close", () => done(false));
  });
}
