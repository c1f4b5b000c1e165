/** What the bench and a process with clients say to each other. */

/** One device of a simulated person, and those whom it writes to. */
export interface PersonPlan {
  /** The device's number in the run. */
  readonly number: number;
  /** The device's name; its person's where it is the first one. */
  readonly name: string;
  /** The person's user name. */
  readonly account: string;
  readonly contacts: readonly string[];
  /** The group that this device makes, and changes now and then. */
  readonly leads: LedGroup | null;
}

/** A group of simulated people. */
export interface LedGroup {
  /** Unlike that of any other group. */
  readonly title: string;
  /** Others who are in it from the beginning to the end. */
  readonly members: readonly string[];
  /** Others who come and go. */
  readonly floaters: readonly string[];
}

export interface HostPlan {
  /** Where the balancer listens. */
  readonly service: { readonly host: string; readonly port: number; readonly pin: string };
  /** Holds a folder for each person's device. */
  readonly folder: string;
  /** Events are appended to this file, a line each. */
  readonly events: string;
  /** How often this host was started; part of its messages' names. */
  readonly start: number;
  readonly seed: number;
  readonly people: readonly PersonPlan[];
  /** Messages of each person a minute, on average. */
  readonly perMinute: number;
}

export type ClientBreak =
  | { readonly do: "cutSockets"; readonly bytes: number }
  | { readonly do: "halfOpen" }
  | { readonly do: "stopReading"; readonly ms: number }
  | { readonly do: "doubleFrames"; readonly ms: number }
  | { readonly do: "delayFrames"; readonly ms: number; readonly delayMs: number }
  | { readonly do: "jumpClientClocks"; readonly offsetMs: number }
  /** Sends that many large messages to somebody. */
  | { readonly do: "flood"; readonly to: string; readonly messages: number; readonly bytes: number };

export type ToHost =
  /** Signs people up, or takes their devices up again, and has them listen. */
  | { readonly type: "begin"; readonly plan: HostPlan; readonly sending: boolean }
  /** Logs people's second devices in, once everybody is signed up. */
  | { readonly type: "join" }
  /** Has those who lead groups make them. */
  | { readonly type: "gather" }
  /** People write from now on, or write no more. */
  | { readonly type: "send"; readonly sending: boolean }
  | { readonly type: "break"; readonly person: number; readonly what: ClientBreak }
  /** Everything passes as it should from now on. */
  | { readonly type: "heal" }
  | { readonly type: "poll" }
  /** Clients are closed, in order. */
  | { readonly type: "close" }
  /** Reads every archive anew and writes them to this file, a line each. */
  | { readonly type: "readBack"; readonly file: string }
  | { readonly type: "end" };

export type FromHost =
  /** Everybody listens; before anybody joined, everybody's first device. */
  | { readonly type: "begun" }
  | { readonly type: "joined" }
  | { readonly type: "gathered" }
  /** A person's session is live, or is no more. Times are those of {@link elapsed}. */
  | { readonly type: "live"; readonly person: number; readonly at: number; readonly server: string }
  | {
      readonly type: "offline";
      readonly person: number;
      readonly at: number;
      readonly server: string;
      /** Of the latest failure, in words. */
      readonly why: string;
    }
  /** The sockets of a person were cut or held; `sockets` of them. */
  | { readonly type: "struck"; readonly person: number; readonly at: number; readonly sockets: number }
  | { readonly type: "polled"; readonly state: HostState }
  | { readonly type: "closed" }
  | { readonly type: "readBack" }
  /** What must not happen, in words. */
  | { readonly type: "problem"; readonly text: string };

export interface HostState {
  /** Messages handed to clients and not answered. */
  readonly waiting: number;
  /** Files in outboxes. */
  readonly outbox: number;
  /** When anything was last written down. */
  readonly lastAt: number;
}

/** Milliseconds on the machine's monotonic clock, which all processes share and nobody sets. */
export function elapsed(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
