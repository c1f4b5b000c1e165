/** Breaks what the schedule says, when it says so, and sees how long it takes until everything answers again. */
import type { FaultEvent } from "../history/events.js";
import type { Gate } from "./gate.js";
import { elapsed, type ClientBreak } from "./host-messages.js";
import type { Hosts } from "./hosts.js";
import { inTime, pause, until, within } from "./patience.js";
import type { Probe } from "./probe.js";
import type { Break, Fault } from "./schedule.js";
import type { SystemUnderTest } from "./system-under-test.js";

export interface InjectorParts {
  readonly system: SystemUnderTest;
  readonly hosts: Hosts;
  readonly probe: Probe;
  /** Between the system and PostgreSQL. */
  readonly databases: readonly Gate[];
  readonly nameOf: (person: number) => string;
  /** The user name of that device's person. */
  readonly accountOf: (person: number) => string;
  readonly onProblem: (text: string) => void;
  /** A fault was injected. */
  readonly onFault: (fault: Fault) => void;
}

/** How long a fault waits until what it is to break is there, in milliseconds. */
const TARGET_MS = 300_000;
/** A kill waits until this share of the people is in a session, so that it strikes a system at work. */
const AT_WORK = 0.8;
/** How long it waits for that, in milliseconds. */
const AT_WORK_MS = 60_000;
/** How long anything may take to answer again, whatever else breaks meanwhile, in milliseconds. */
const RECOVERY_MS = 600_000;
/** People who write to somebody who does not read, and what each of them writes. */
const FLOODERS = 3;
const FLOOD = { messages: 60, bytes: 48_000 } as const;

export class Injector {
  constructor(private readonly parts: InjectorParts) {}

  /**
   * @param start by {@link elapsed}, which the faults' times count from
   * @returns what was broken, once everything answers again; times as those of {@link elapsed}
   */
  async run(faults: readonly Fault[], start: number, stop: AbortSignal): Promise<FaultEvent[]> {
    const under: Promise<FaultEvent | null>[] = [];
    for (const fault of faults) {
      await pause(start + fault.at - elapsed(), stop);
      if (stop.aborted) break;
      under.push(this.#inject(fault, stop));
    }
    return (await Promise.all(under)).filter((event) => event !== null);
  }

  async #inject(fault: Fault, stop: AbortSignal): Promise<FaultEvent | null> {
    const { onProblem, onFault } = this.parts;
    const target = targetOf(fault.what);
    try {
      await this.#atWork(fault.what, stop);
      await inTime(stop, TARGET_MS, (signal) => until(() => this.#isThere(fault.what), signal, 5));
    } catch {
      if (!stop.aborted)
        onProblem(`${fault.kind}: ${target} was not there to be broken within ${TARGET_MS} ms`);
      return null;
    }
    onFault(fault);
    const at = elapsed();
    try {
      await inTime(stop, RECOVERY_MS, (signal) => this.#break(fault.what, at, signal));
      return { type: "fault", kind: fault.kind, target, at, until: elapsed() };
    } catch (error) {
      if (!stop.aborted) {
        const why = error instanceof Error ? error.message : String(error);
        onProblem(`${fault.kind} of ${target} at ${Math.round(fault.at)} ms did not end well: ${why}`);
      }
      return { type: "fault", kind: fault.kind, target, at, until: null };
    }
  }

  async #atWork(what: Break, stop: AbortSignal): Promise<void> {
    if (what.do !== "kill" && what.do !== "killClients") return;
    const { hosts } = this.parts;
    await inTime(stop, AT_WORK_MS, (signal) => until(() => hosts.liveShare >= AT_WORK, signal)).catch(
      () => undefined,
    );
  }

  #isThere(what: Break): boolean {
    const { system, hosts } = this.parts;
    switch (what.do) {
      case "end":
      case "block":
        return system.isUp(what.thread);
      case "kill":
      case "suspend":
      case "jumpSystemClock":
      case "cutDatabase":
      case "refuseDatabase":
        return system.isUp();
      case "killClients":
        return hosts.isUp(what.host);
      case "cutSockets":
      case "halfOpen":
      case "stopReading":
      case "doubleFrames":
      case "delayFrames":
      case "jumpClientClocks":
        return what.people.every((person) => hosts.isUp(hosts.hostOf(person)));
    }
  }

  /** @returns once everything that it strikes answers again */
  async #break(what: Break, at: number, signal: AbortSignal): Promise<void> {
    const { system, hosts, probe, databases } = this.parts;
    switch (what.do) {
      case "end":
        return this.#thread(what.thread, "threadExited", signal, () =>
          system.tell({ type: "end", thread: what.thread }),
        );
      case "block":
        return this.#thread(what.thread, "threadBlocked", signal, () =>
          system.tell({ type: "block", thread: what.thread, ms: what.ms }),
        );
      case "suspend":
        system.suspend();
        await pause(what.ms, signal);
        system.resume();
        return this.#allListen(signal);
      case "kill":
        await system.killAndStart();
        return this.#allListen(signal);
      case "killClients":
        return within(signal, hosts.killAndStart(what.host));
      case "cutDatabase":
        for (const gate of databases) gate.cut(0);
        return within(signal, probe.commit(signal));
      case "refuseDatabase":
        for (const gate of databases) {
          gate.refuse(true);
          gate.cut(0);
        }
        await pause(what.ms, signal);
        for (const gate of databases) gate.refuse(false);
        return within(signal, probe.commit(signal));
      case "cutSockets":
      case "halfOpen": {
        const back = what.people.map((person) => this.#backInSession(person, at, signal));
        this.#tell(what.people, what);
        await Promise.all(back);
        return;
      }
      case "stopReading":
        this.#tell(what.people, what);
        for (const person of what.people) this.#flood(person);
        return this.#over(what.people, what.ms, signal);
      case "doubleFrames":
      case "delayFrames":
        this.#tell(what.people, what);
        return this.#over(what.people, what.ms, signal);
      case "jumpSystemClock":
        system.tell({ type: "clock", offsetMs: what.offsetMs });
        return within(signal, probe.commit(signal));
      case "jumpClientClocks":
        this.#tell(what.people, what);
        return this.#over(what.people, 1_000, signal);
    }
  }

  /** Breaks a thread; done once it, or the one that takes its place, answers. */
  async #thread(
    thread: string,
    told: "threadExited" | "threadBlocked",
    signal: AbortSignal,
    strike: () => void,
  ): Promise<void> {
    const { system, probe } = this.parts;
    const struck = new Promise<void>((resolve) => {
      const eventOnThread = (event: { readonly thread: string }): void => {
        if (event.thread === thread) done();
      };
      const done = (): void => {
        system.off("threadExited", eventOnThread).off("threadBlocked", eventOnThread).off("up", done);
        resolve();
      };
      // A thread that ended before it was blocked, or a whole new system, will do.
      system.on("threadExited", eventOnThread).on("up", done);
      if (told === "threadBlocked") system.on("threadBlocked", eventOnThread);
    });
    strike();
    await within(signal, struck);
    await (thread.startsWith("database")
      ? within(signal, probe.commit(signal))
      : probe.handshake(system.portOf(thread), signal));
  }

  async #allListen(signal: AbortSignal): Promise<void> {
    const { system, probe } = this.parts;
    const { balancer, archive, servers } = system.ports;
    await Promise.all([balancer, archive, ...servers].map((port) => probe.handshake(port, signal)));
  }

  /** Someone whose sockets are struck is back once a later session is live; where none was struck, at once. */
  async #backInSession(person: number, at: number, signal: AbortSignal): Promise<void> {
    const { hosts } = this.parts;
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        hosts.off("live", onLive).off("struck", onStruck);
        resolve();
      };
      const onLive = (live: { readonly person: number; readonly at: number }): void => {
        if (live.person === person && live.at > at) done();
      };
      const onStruck = (struck: { readonly person: number; readonly sockets: number }): void => {
        if (struck.person === person && struck.sockets === 0 && hosts.isLive(person)) done();
      };
      hosts.on("live", onLive).on("struck", onStruck);
      signal.addEventListener("abort", () =>
        reject(new Error(`${this.parts.nameOf(person)} did not come back`)),
      );
    });
  }

  /** The time of a fault, and then until the people whom it struck are in a session. */
  async #over(people: readonly number[], ms: number, signal: AbortSignal): Promise<void> {
    const { hosts } = this.parts;
    await pause(ms, signal);
    // Each at some time: other faults go on, and all at once may never be.
    await Promise.all(people.map((person) => until(() => hosts.isLive(person), signal)));
  }

  #tell(people: readonly number[], what: ClientBreak): void {
    for (const person of people) {
      this.parts.hosts.tellHostOf(person, { type: "break", person, what });
    }
  }

  /** Others write to somebody more than the sockets on the way can hold. */
  #flood(person: number): void {
    const { hosts, accountOf } = this.parts;
    const flood: ClientBreak = { do: "flood", to: accountOf(person), ...FLOOD };
    for (const other of hosts.othersThan(person, FLOODERS)) this.#tell([other], flood);
  }
}

function targetOf(what: Break): string {
  switch (what.do) {
    case "end":
    case "block":
      return what.thread;
    case "suspend":
    case "kill":
    case "jumpSystemClock":
      return "the system";
    case "killClients":
      return `clients' process ${what.host}`;
    case "cutDatabase":
    case "refuseDatabase":
      return "the databases";
    case "cutSockets":
    case "halfOpen":
    case "stopReading":
    case "doubleFrames":
    case "delayFrames":
    case "jumpClientClocks":
      return `people ${what.people.join(", ")}`;
  }
}
