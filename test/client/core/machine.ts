/** The connection's state machine, driven by hand. */
import { START, step } from "../../../src/client/core/connection.js";
import type {
  ConnectionEffect,
  ConnectionEvent,
  ConnectionState,
  Moment,
} from "../../../src/client/core/connection-state.js";
import type { Placement } from "../../../src/protocol/http.js";
import { parseServerId, type ServerId } from "../../../src/protocol/ids.js";

const server = parseServerId("chat-1") as ServerId;
export const placement: Placement = {
  server: { id: server, host: "h", port: 1 },
  archive: { host: "h", port: 2 },
  ticket: "dGlja2V0",
  validMs: 60_000,
};
export const welcome = {
  type: "welcome",
  server,
  session: 7,
  idleMs: 40_000,
  maxFrameBytes: 1000,
  sendWindow: 4,
  sendWindowBytes: 4000,
} as const;
export const lostRecord = { code: "unavailable", message: "gone" } as const;

/** Drives the machine, and keeps what it wants done. */
export class Machine {
  state: ConnectionState = START;
  moment: Moment = { now: 1_000_000, chance: 0.5, needed: false };

  on(event: ConnectionEvent): readonly ConnectionEffect[] {
    const { state, effects } = step(this.state, event, this.moment);
    this.state = state;
    return effects;
  }

  later(ms: number): void {
    this.moment = { ...this.moment, now: this.moment.now + ms };
  }

  get attempt(): number {
    return this.state.attempt;
  }

  /** As far as the open session. */
  open(): this {
    this.on({ type: "need" });
    return this.welcomed();
  }

  welcomed(): this {
    this.on({ type: "placed", attempt: this.attempt, placement });
    this.on({ type: "connected", attempt: this.attempt });
    this.on({ type: "message", attempt: this.attempt, message: welcome });
    return this;
  }
}

export const kinds = (effects: readonly ConnectionEffect[]): string[] => effects.map((effect) => effect.do);
export const said = (effects: readonly ConnectionEffect[]): unknown[] =>
  effects.flatMap((effect) => (effect.do === "say" ? [effect.message] : []));
export const timers = (effects: readonly ConnectionEffect[]): unknown[] =>
  effects.flatMap((effect) => (effect.do === "setTimer" ? [[effect.name, effect.ms]] : []));
