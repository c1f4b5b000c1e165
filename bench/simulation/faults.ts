/** Does to a world what a schedule says, and makes it whole again. */
import { FastChatError } from "../../src/protocol/errors.js";
import type { ServerId } from "../../src/protocol/ids.js";
import type { FleetOrder } from "../../src/protocol/threads.js";
import type { FaultEvent } from "../history/events.js";
import type { Connection } from "./connection.js";
import type { GroupChanges } from "./group-changes.js";
import type { Gate } from "./gate.js";
import type { Action, Fault } from "./schedule.js";
import type { World } from "./world.js";

export class Faults {
  /** What is broken at the moment, each with how it is mended. */
  readonly #broken = new Set<() => void>();

  constructor(
    private readonly world: World,
    private readonly groups: GroupChanges,
  ) {}

  perform(action: Action): void {
    if (action.do === "send") {
      const { from, to, text } = action;
      this.world.person(from).say(to.startsWith("#") ? this.groups.nameOf(to.slice(1)) : to, text);
      return;
    }
    if (action.do === "changeGroup") {
      this.groups.change(action.title, action.by, action.action, action.who);
      return;
    }
    const until = "forMs" in action ? this.world.clock.now() + action.forMs : this.world.clock.now();
    const event: FaultEvent = {
      type: "fault",
      at: this.world.clock.now(),
      until,
      kind: action.do,
      target: targetOf(action),
    };
    this.world.events.push(event);
    this.#break(action);
  }

  /** Mends all that is broken, now. */
  heal(): void {
    for (const mend of [...this.#broken]) mend();
    this.world.service.lostAnswers = 0;
    this.world.archiveDatabase.lostAnswers = 0;
  }

  #break(fault: Fault): void {
    const { world } = this;
    switch (fault.do) {
      case "cut":
        for (const connection of world.connections(fault.who, fault.to)) connection.cut();
        return;
      case "halfOpen":
        for (const connection of world.connections(fault.who, fault.to)) connection.vanish();
        return;
      case "roam":
        for (const connection of this.#connectionsOf(fault.who)) connection.roam();
        return;
      case "stopReading": {
        const process = world.person(fault.who).device.process;
        process?.stopReading();
        return this.#mendIn(fault.forMs, () => process?.readAgain());
      }
      case "offline": {
        const { device } = world.person(fault.who);
        device.goOffline(fault.silently);
        return this.#mendIn(fault.forMs, () => device.goOnline());
      }
      case "killClient": {
        const person = world.person(fault.who);
        person.kill();
        return this.#mendIn(fault.forMs, () => person.revive());
      }
      case "clientDiskFull": {
        const person = world.person(fault.who);
        const { disk } = person.device;
        disk.full = true;
        return this.#mendIn(fault.forMs, () => {
          disk.full = false;
          // A client whose disk failed it sends what is left with its next message. This one may have none to send.
          person.kill();
          person.revive();
        });
      }
      case "clientClock":
        world.person(fault.who).device.aheadMs += fault.byMs;
        return;
      case "stall": {
        const ways = this.#connectionsOf(fault.who).map(
          ({ client, server }) => (fault.way === "up" ? server : client).incoming,
        );
        for (const way of ways) way.hold();
        return this.#mendIn(fault.forMs, () => {
          for (const way of ways) way.release();
        });
      }
      case "killThread":
        world.thread(fault.thread)?.kill();
        return;
      case "hangThread": {
        const thread = world.thread(fault.thread);
        thread?.hang();
        return this.#mendIn(fault.forMs, () => thread?.resume());
      }
      case "lateNews": {
        const inbox = world.up ? world.system.supervisor.inbox(fault.thread) : null;
        inbox?.hold();
        return this.#mendIn(fault.forMs, () => inbox?.release());
      }
      case "databaseAway":
      case "databaseStalls":
      case "databaseFull":
      case "lostAnswers":
      case "slowCommits":
        return this.#breakDatabase(fault);
      case "serverClock":
        world.aheadMs += fault.byMs;
        return;
      case "crash":
        if (!world.up) return;
        world.crash();
        return this.#mendIn(fault.forMs, () => {
          if (!world.up) world.start();
        });
      case "restart":
        if (!world.up) return;
        world.stop();
        return;
      case "scale":
        return this.#order({ do: "scale", servers: fault.servers });
      case "drain":
      case "resume":
        return this.#order({ do: fault.do, server: fault.server as ServerId });
      case "move":
        if (world.up) {
          const { account } = world.person(fault.who);
          world.system.balancer?.move(account, fault.server as ServerId);
        }
        return;
      case "rebalance":
        return this.#order({ do: "rebalance" });
    }
  }

  /** Nobody is there to ask while the balancer is away. */
  #order(order: FleetOrder): void {
    if (!this.world.up) return;
    this.world.system.balancer?.order(order).catch((error: unknown) => {
      if (!(error instanceof FastChatError) || error.code === "internal") throw error;
    });
  }

  #breakDatabase(fault: Extract<Fault, { database: string }>): void {
    const { world } = this;
    const database = fault.database === "service" ? world.service : world.archiveDatabase;
    switch (fault.do) {
      case "databaseAway":
        if (world.config.database === null) {
          world.thread(`database-${fault.database}`)?.kill();
          return;
        }
        database.crash();
        return this.#mendIn(fault.forMs, () => database.comeBack());
      case "databaseStalls": {
        const gates: Gate[] = Object.values(database.gates);
        for (const gate of gates) gate.hold();
        return this.#mendIn(fault.forMs, () => {
          for (const gate of gates) gate.release();
        });
      }
      case "databaseFull":
        database.full = true;
        return this.#mendIn(fault.forMs, () => {
          database.full = false;
        });
      case "lostAnswers":
        database.lostAnswers += fault.count;
        return;
      case "slowCommits":
        database.slowCommitMs = fault.ms;
        return this.#mendIn(fault.forMs, () => {
          database.slowCommitMs = 0;
        });
    }
  }

  #mendIn(ms: number, mend: () => void): void {
    const once = (): void => {
      if (this.#broken.delete(once)) mend();
    };
    this.#broken.add(once);
    this.world.clock.after(ms, once);
  }

  #connectionsOf(who: string): Connection[] {
    return [...this.world.connections(who, "chat"), ...this.world.connections(who, "archive")];
  }
}

function targetOf(fault: Fault): string {
  if ("who" in fault) return fault.who;
  if ("thread" in fault) return fault.thread;
  if ("server" in fault) return fault.server;
  if ("database" in fault) return `${fault.database} database`;
  return "system";
}
