/** Three people and a service, as tests of groups need them. */
import type { Client, ClientOptions } from "../../../src/client/core/client.js";
import type {
  ConnectionStatus,
  GroupAlarm,
  GroupNotice,
  GroupSummary,
  HistoryEntry,
  ReceivedMessage,
  SentElsewhere,
} from "../../../src/client/core/messages.js";
import type { UserName } from "../../../src/protocol/ids.js";
import type { Person } from "../../crypto/people.js";
import { enrol, inTime, resume, signedIn, type Name, type Process } from "./device.js";
import { Service } from "./service.js";

const NAMES = ["alice", "bob", "carol"] as const;

/** A client that listens, and what it was told. */
export interface Screen {
  readonly client: Client;
  readonly process: Process;
  readonly received: ReceivedMessage[];
  readonly sent: SentElsewhere[];
  readonly notices: GroupNotice[];
  readonly alarms: GroupAlarm[];
}

export class Scene {
  readonly service = new Service();
  readonly people = new Map<Name, Person>();
  readonly #clients: Pick<Screen, "client" | "process">[] = [];

  /** Everybody has an account. */
  static async open(): Promise<Scene> {
    const scene = new Scene();
    for (const name of NAMES) scene.people.set(name, await enrol(scene.service, name));
    return scene;
  }

  /** Another device of somebody, signed in. */
  async device(name: Name): Promise<Process> {
    return signedIn(this.service, this.people.get(name) as Person, name);
  }

  /** A client that listens. */
  async listening(
    name: Name,
    process?: Process,
    { sendsReceipts = false, marksRead = false } = {},
  ): Promise<Screen> {
    const on = process ?? (await this.device(name));
    const screen = await this.silent(on, { sendsReceipts });
    await screen.client.listen({
      onMessage: (message) => void screen.received.push(message),
      onSent: (message) => void screen.sent.push(message),
      onGroup: (notice) => void screen.notices.push(notice),
      onStatus: (status) => alarmed(screen, status),
      catchesUp: true,
      marksRead,
    });
    await inTime(this.service, () => this.service.sessions.size > 0);
    return screen;
  }

  /** A client that does not listen. */
  async silent(process: Process, options: ClientOptions = {}): Promise<Screen> {
    const alarms: GroupAlarm[] = [];
    const told = { received: [], sent: [], notices: [], alarms };
    const client = await resume(process, {
      ...options,
      onStatus: (status) => alarmed({ alarms }, status),
    });
    this.#clients.push({ client, process });
    return { client, process, ...told };
  }

  /** Alice, Bob and Carol, all listening. */
  async everybody(): Promise<[Screen, Screen, Screen]> {
    return [await this.listening("alice"), await this.listening("bob"), await this.listening("carol")];
  }

  async create(by: Screen, title: string, ...names: Name[]): Promise<GroupSummary> {
    return this.done(by.client.groups.create(title, names as string[] as UserName[]));
  }

  async change(
    by: Screen,
    action: "add" | "remove" | "promote" | "demote",
    ...names: Name[]
  ): Promise<GroupSummary> {
    return this.done(by.client.groups.change("Team", action, names as string[] as UserName[]));
  }

  /** Waits while time passes. */
  async done<T>(awaited: Promise<T>): Promise<T> {
    await inTime(this.service, awaited);
    return awaited;
  }

  async until(so: () => boolean): Promise<void> {
    await inTime(this.service, so);
  }

  /** Until all that was sent is archived by those who got it. */
  async quiet(): Promise<void> {
    await this.until(() => [...this.service.mailboxes.values()].every((box) => box.length === 0));
  }

  /** The history with the group, a line for each entry. */
  async history({ client }: Screen, title = "#Team"): Promise<string[]> {
    return lines(await this.done(client.history({ with: title, limit: 500 })));
  }

  async close(): Promise<void> {
    for (const { client, process } of this.#clients) {
      if (process.alive) await inTime(this.service, client.close());
    }
  }
}

function alarmed({ alarms }: Pick<Screen, "alarms">, status: ConnectionStatus): void {
  if (status.kind === "groupAltered") alarms.push(status.alarm);
}

export function lines(entries: readonly HistoryEntry[]): string[] {
  return entries.map(({ direction, from, text }) =>
    direction === "changed"
      ? `* ${text}`
      : direction === "sent" || direction === "received"
        ? `${from}: ${text}`
        : direction,
  );
}

export const texts = ({ received }: Screen): string[] => received.map(({ from, text }) => `${from}: ${text}`);
