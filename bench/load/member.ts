/** One simulated person of a load run: the real client, with keys of their own, on a device in memory. */
import { createHash } from "node:crypto";
import { Client } from "../../src/client/core/client.js";
import type {
  ConnectionStatus,
  HistoryEntry,
  Listening,
  ReceivedMessage,
} from "../../src/client/core/messages.js";
import type { ClientPorts, OpaqueClient, Transport } from "../../src/client/core/ports.js";
import { CONNECTION } from "../../src/client/node/device.js";
import { HttpsClient } from "../../src/client/node/https.js";
import type { ServiceTrust } from "../../src/client/node/pin.js";
import { TlsTransport } from "../../src/client/node/transport.js";
import { systemClock, systemRandom } from "../../src/node/clock.js";
import { errorRecord, type ErrorCode } from "../../src/protocol/errors.js";
import type { UserName } from "../../src/protocol/ids.js";
import type { FrameChannel } from "../../src/protocol/runtime.js";
import { elapsed } from "../faults/host-messages.js";
import type { ArchivedMessage, ArchiveRecord, HistoryEvent } from "../history/events.js";
import { conversationOf, isMessage, isPeoples, recipientsOf } from "../history/naming.js";
import { DeviceMemory } from "./device-memory.js";
import { messageName, type PlannedPerson } from "./plan.js";
import type { Traffic } from "./traffic.js";

export const PASSWORD = "simulated people need no secret";
/** A send is answered some time, however long the service is away. */
const PATIENCE_MS = 3_600_000;
const PAGE = 500;
/** What says that nothing is known of a message: its client was closed before the answer, and goes on with it next time. */
const UNANSWERED: ReadonlySet<ErrorCode> = new Set(["unavailable", "timeout", "unreachable"]);
const OPTIONS = { acceptWeakStretching: true, sendPatienceMs: PATIENCE_MS };

/** A message that is to be sent. */
export interface Draft {
  /** Its place among all of the plan. */
  readonly index: number;
  /** When it should be sent, as `elapsed()` tells time. */
  readonly planned: number;
  /** Of its text. */
  readonly bytes: number;
}

export interface MemberContext {
  readonly trust: ServiceTrust;
  readonly opaque: OpaqueClient;
  readonly nameOf: (person: number) => string;
  readonly groupOf: (group: number) => string;
  readonly record: (event: HistoryEvent) => void;
  readonly traffic: Traffic;
  onSent(): void;
  /** It has heard what its group is called. */
  onGathered(): void;
  /**
   * @param planned when it should have been sent, as `elapsed()` tells time
   * @param due to so many it is to be delivered
   */
  onAccepted(planned: number, now: number, due: number): void;
  onRefused(): void;
  onReceived(planned: number, now: number): void;
  onProblem(text: string): void;
}

export class Member {
  /** Where it is connected, with everything that waited for it; `null` while it is not. */
  server: string | null = null;
  #storage = new DeviceMemory();
  readonly #http: HttpsClient;
  readonly #transport: TlsTransport;
  readonly #channels = new Set<FrameChannel>();
  /** Messages that should have been written while it was away. */
  readonly #later: ((client: Client) => void)[] = [];
  /** Settles once it has come back; `null` while it is not away. */
  #leaving: Promise<void> | null = null;
  #client: Client | null = null;
  #listening: Listening | null = null;
  #starts = 0;
  #closing = false;

  constructor(
    readonly plan: PlannedPerson,
    private readonly context: MemberContext,
  ) {
    this.#http = new HttpsClient(context.trust, CONNECTION);
    this.#transport = new TlsTransport(context.trust, CONNECTION);
  }

  get name(): string {
    return this.context.nameOf(this.plan.number);
  }

  /** @param encryptionKey PKCS #8 in DER */
  async signUp(encryptionKey: Uint8Array): Promise<void> {
    const registration = { name: this.name, password: PASSWORD, deviceLabel: "load", encryptionKey };
    const client = await Client.register(this.#ports(), registration, OPTIONS);
    await client.close();
  }

  /** @returns once everything that waited has come, for whoever is to come back at a time of their own as well */
  async connect(): Promise<void> {
    if (this.#leaving !== null) return this.#leaving;
    if (this.#client === null && !this.#closing) await this.#connect();
  }

  /** Logs in on a new device, with name and password alone. @returns as {@link Member.connect} */
  async logIn(): Promise<void> {
    this.#storage = new DeviceMemory();
    const credentials = { name: this.name, password: PASSWORD, deviceLabel: "load" };
    await this.#listen(await Client.login(this.#ports(), credentials, OPTIONS));
  }

  async #connect(): Promise<void> {
    await this.#listen(await Client.resume(this.#ports(), OPTIONS));
  }

  async #listen(client: Client): Promise<void> {
    this.#client = client;
    const start = this.#starts++;
    await new Promise<void>((resolve, reject) => {
      client
        .listen({
          onMessage: (message) => this.#received(message, start),
          onLive: resolve,
          onStatus: (status) => this.#onStatus(status),
        })
        .then((listening) => {
          this.#listening = listening;
          return listening.done;
        })
        .catch((error: unknown) => {
          const text = `${this.name} stopped listening: ${errorRecord(error).message}`;
          this.context.onProblem(text);
          reject(new Error(text));
        });
    });
    for (const later of this.#later.splice(0)) later(client);
  }

  /** Makes a group. @param others numbers of people */
  async gather(group: number, others: readonly number[]): Promise<void> {
    const { nameOf, groupOf, record } = this.context;
    const names = others.map(nameOf);
    const title = groupOf(group);
    const at = elapsed();
    await this.#client?.groups.create(title, names as UserName[]);
    const until = elapsed();
    for (const account of [this.name, ...names]) {
      record({ type: "membership", at, until, conversation: `#${title}`, account, member: true });
    }
  }

  /** @param to a user name, or `#` and a group's title */
  send(to: string, draft: Draft): void {
    this.context.onSent();
    // Whoever is away at that moment writes once they are back.
    if (this.#client === null) this.#later.push((client) => this.#send(client, to, draft));
    else this.#send(this.#client, to, draft);
  }

  #send(client: Client, to: string, { index, planned, bytes }: Draft): void {
    const { record } = this.context;
    const message = messageName(index);
    const head = `${message} ${Math.round(planned * 1000)} `;
    const text = head.padEnd(bytes, "x");
    const { name } = this;
    record({
      type: "sent",
      at: elapsed(),
      device: name,
      account: name,
      conversation: conversationOf(name, to),
      message,
      recipients: recipientsOf(to),
      digest: digestOf(text),
    });
    client.send(to, text).then(
      ({ recipients, missed }) => {
        const now = elapsed();
        record({ type: "accepted", at: now, message, refused: missed });
        this.context.onAccepted(planned, now, recipients - missed.length);
      },
      (error: unknown) => {
        const { code, message: reason } = errorRecord(error);
        this.context.onRefused();
        if (code === "queueFull" || code === "noSuchAccount") {
          record({ type: "refused", at: elapsed(), message, code });
        } else if (!UNANSWERED.has(code)) this.context.onProblem(`${message} was not accepted: ${reason}`);
      },
    );
  }

  /** Loses its connections, as a device does whose network goes. It comes back by itself. */
  drop(): void {
    for (const channel of [...this.#channels]) channel.destroy();
  }

  /** Ends its session, and begins another after so many milliseconds. */
  async leave(ms: number): Promise<void> {
    const client = this.#client;
    if (client === null) return;
    this.#client = null;
    this.#listening = null;
    this.server = null;
    this.#leaving = this.#comeBack(client, ms).finally(() => {
      this.#leaving = null;
    });
    await this.#leaving;
  }

  async #comeBack(client: Client, ms: number): Promise<void> {
    // What is not accepted yet leaves with the next session.
    await client.close();
    await new Promise((resolve) => setTimeout(resolve, ms));
    await this.#connect();
  }

  /** Everything that stands in the archive. */
  async readBack(): Promise<ArchiveRecord> {
    await this.#listening?.stop();
    const client = this.#client;
    if (client === null) return { account: this.name, device: null, entries: [] };
    const pages: HistoryEntry[][] = [];
    for (let more = true; more;) {
      const before = pages.at(-1)?.[0]?.counter;
      const page = await client.history({ limit: PAGE, ...(before === undefined ? {} : { before }) });
      pages.push(page);
      more = page.length === PAGE;
    }
    return {
      account: this.name,
      device: null,
      entries: pages.reverse().flat().filter(isMessage).map(archived),
    };
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#client?.close();
    this.#transport.close();
    this.#http.close();
  }

  #ports(): ClientPorts {
    return {
      transport: this.#countedTransport(),
      http: this.context.traffic.learning(this.#http),
      opaque: this.context.opaque,
      storage: this.#storage,
      clock: systemClock,
      random: systemRandom,
    };
  }

  #countedTransport(): Transport {
    const transport = this.context.traffic.counting(this.#transport);
    return {
      connect: async (endpoint, handlers) => {
        const channel: FrameChannel = await transport.connect(endpoint, {
          ...handlers,
          onFrame: (content) => handlers.onFrame(content),
          onDrain: () => handlers.onDrain(),
          onClose: (error) => {
            this.#channels.delete(channel);
            handlers.onClose(error);
          },
        });
        this.#channels.add(channel);
        return channel;
      },
    };
  }

  #received({ from, text }: ReceivedMessage, start: number): void {
    const now = elapsed();
    if (!isPeoples(text)) return this.context.onGathered();
    const [message = "", planned = "0"] = text.split(" ", 2);
    this.context.record({
      type: "received",
      at: now,
      account: this.name,
      device: this.name,
      start,
      sender: from,
      message,
      digest: digestOf(text),
    });
    this.context.onReceived(Number(planned) / 1000, now);
  }

  #onStatus(status: ConnectionStatus): void {
    if (status.kind === "live") this.server = status.server;
    else if (status.kind === "offline" || status.kind === "closed") this.server = null;
    else if (status.kind === "keyChanged" || status.kind === "archiveAltered") {
      this.context.onProblem(`${this.name} was told: ${status.kind}`);
    }
  }
}

function archived({ id, from, to, text, direction, counter }: HistoryEntry): ArchivedMessage {
  const shown = direction === "sent" || direction === "received";
  return {
    message: shown
      ? (text.split(" ", 1)[0] ?? "")
      : `${direction} entry ${counter} (${id ?? "without an id"})`,
    sender: from,
    conversation: conversationOf(from, to),
    digest: digestOf(text),
  };
}

function digestOf(text: string): string {
  return createHash("sha1").update(text).digest("base64url");
}
