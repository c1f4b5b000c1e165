/** The balancer's lines to the chat servers: what they report goes into the load view, revocations and moves go out. */
import { errorRecord } from "../protocol/errors.js";
import type { DeviceId, Incarnation, ServerId } from "../protocol/ids.js";
import type { Clock, Log, Timer } from "../protocol/runtime.js";
import type {
  FromBalancer,
  LoadReport,
  ServerEntry,
  SessionEnd,
  SessionMove,
  ToBalancer,
} from "../protocol/threads.js";
import { isPassing } from "../store/database.js";
import type { SessionStore } from "../store/sessions.js";
import { LONGEST_WAIT_MS } from "./admission.js";
import type { LoadView } from "./load-view.js";

/** What is needed of the MessagePort to a server. */
export interface ServerPort {
  postMessage(message: FromBalancer): void;
  on(event: "message", listener: (message: ToBalancer) => void): unknown;
  on(event: "close", listener: () => void): unknown;
  close(): void;
}

export interface ServerPortsOptions {
  readonly view: LoadView;
  readonly sessions: Pick<SessionStore, "ended">;
  readonly clock: Clock;
  readonly log: Log;
  /** Lifetime of a ticket, in milliseconds. */
  readonly ticketMs: number;
  /** Told of every report. */
  readonly onReport?: (server: ServerId, report: LoadReport) => void;
}

interface Line {
  readonly entry: ServerEntry;
  readonly port: ServerPort;
}

const RETRY_MS = 1000;
const WHYS: readonly SessionEnd[] = ["notSignedIn", "suspended"];

export class ServerPorts {
  readonly #lines = new Map<ServerId, Line>();
  /** Devices revoked so lately that a ticket of theirs may still be good; oldest first. */
  readonly #revoked = new Map<DeviceId, { readonly why: SessionEnd; readonly until: number }>();
  readonly #startedAt: number;
  readonly #retries = new Set<Timer>();
  #closed = false;

  constructor(private readonly options: ServerPortsOptions) {
    this.#startedAt = options.clock.now();
  }

  /** A server came; an older line to the same id is closed. */
  add(entry: ServerEntry, port: ServerPort): void {
    const { view, clock } = this.options;
    const old = this.#lines.get(entry.id);
    const line: Line = { entry, port };
    this.#lines.set(entry.id, line);
    old?.port.close();
    view.add(entry, clock.now());
    port.on("message", (message) => {
      if (this.#isCurrent(line)) this.#message(line, message);
    });
    // The thread died. The supervisor will say so; until then nobody else shall be sent there.
    port.on("close", () => this.#drop(line));
  }

  remove(id: ServerId, incarnation: Incarnation): void {
    const line = this.#lines.get(id);
    if (line?.entry.incarnation !== incarnation) return;
    this.#drop(line);
    line.port.close();
  }

  /**
   * Ends the sessions of these devices wherever they are connected, or connect with a ticket that they still hold: also
   * one that is given a moment later, to who was found to have a session before and waited for a turn since.
   */
  revoke(devices: readonly DeviceId[], why: SessionEnd): void {
    if (devices.length === 0) return;
    const now = this.options.clock.now();
    for (const [device, { until }] of this.#revoked) {
      if (until > now) break;
      this.#revoked.delete(device);
    }
    for (const device of devices) {
      this.#revoked.delete(device);
      this.#revoked.set(device, { why, until: now + this.options.ticketMs + LONGEST_WAIT_MS });
    }
    for (const line of this.#lines.values()) tell(line, devices, why);
  }

  /** Tells sessions of a server where to go on. */
  move(id: ServerId, moves: readonly SessionMove[]): void {
    this.#lines.get(id)?.port.postMessage({ type: "move", moves });
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#retries) timer.cancel();
    for (const line of this.#lines.values()) line.port.close();
    this.#lines.clear();
  }

  #message(line: Line, message: ToBalancer): void {
    const { view, clock } = this.options;
    const now = clock.now();
    switch (message.type) {
      case "report":
        view.report(line.entry, message.report, now, message.busiest);
        this.options.onReport?.(line.entry.id, message.report);
        return;
      case "connected": {
        const { device } = message.session;
        view.connected(line.entry, message.session, message.nonce, now);
        const revoked = this.#revoked.get(device);
        if (revoked !== undefined && revoked.until > now) tell(line, [device], revoked.why);
        // A balancer that was just restarted does not remember what its predecessor revoked.
        else if (now < this.#startedAt + this.options.ticketMs) void this.#answerRevoked(line, [device]);
        return;
      }
      case "disconnected":
        return view.disconnected(line.entry, message.session, now);
      case "sessions":
        view.sessions(line.entry, message.sessions);
        void this.#answerRevoked(
          line,
          message.sessions.map((session) => session.device),
        );
        return;
    }
  }

  /** Tells a server which of its devices have no session any more, as soon as the database can say. */
  async #answerRevoked(line: Line, devices: readonly DeviceId[]): Promise<void> {
    if (!this.#isCurrent(line)) return;
    try {
      const ended = await this.options.sessions.ended(devices);
      if (!this.#isCurrent(line)) return;
      for (const why of WHYS) {
        const those = ended.filter((session) => session.why === why).map(({ device }) => device);
        if (those.length > 0) tell(line, those, why);
      }
    } catch (error) {
      if (this.#closed) return;
      const { id } = line.entry;
      this.options.log[isPassing(error) ? "debug" : "warn"](
        { server: id, error: errorRecord(error) },
        "revocations could not be checked",
      );
      const timer = this.options.clock.after(RETRY_MS, () => {
        this.#retries.delete(timer);
        void this.#answerRevoked(line, devices);
      });
      this.#retries.add(timer);
    }
  }

  #drop(line: Line): void {
    if (!this.#isCurrent(line)) return;
    this.#lines.delete(line.entry.id);
    this.options.view.remove(line.entry);
  }

  #isCurrent(line: Line): boolean {
    return this.#lines.get(line.entry.id) === line;
  }
}

function tell({ port }: Line, devices: readonly DeviceId[], why: SessionEnd): void {
  port.postMessage({ type: "revoked", devices, why } satisfies FromBalancer);
}
