/** One spell of listening: from its start until it is stopped or cannot go on. */
import type { ErrorRecord } from "../../protocol/errors.js";
import type { SendFrame } from "../../protocol/hot.js";
import { FastChatError } from "../../protocol/errors.js";
import type { Clock } from "../../protocol/runtime.js";
import type { Chats } from "./chats.js";
import { Display } from "./display.js";
import type { Contacts } from "./contacts.js";
import { Feed, type FeedContext } from "./feed.js";
import type { FeedPosition } from "./feed-position.js";
import { GroupNotices } from "./group-notices.js";
import type { Groups } from "./groups.js";
import type { ConnectionStatus, ListenHandlers, Listening } from "./messages.js";
import { ReadMarks } from "./read-marks.js";
import { Receiver, type ReceiverContext } from "./receive.js";
import type { Session } from "./session.js";
import { within } from "./within.js";

type Wiring = Omit<
  ReceiverContext,
  "caughtUp" | "display" | "groups" | "readMarks" | "onFailure" | "want" | "send" | "tellOfGroups"
> &
  Pick<FeedContext, "archive" | "device" | "ledger"> & {
    readonly contacts: Pick<Contacts, "byAccount" | "known" | "namesOf">;
    readonly groups: Groups;
    readonly chats: Pick<Chats, "change" | "learn" | "noteOf">;
    readonly position: FeedPosition;
  };

/** How long the news of groups is waited for before what comes counts as new, in milliseconds. */
const GROUPS_MS = 2_000;
/** How long stopping waits for what was read to be noted, in milliseconds. */
const READ_MARKS_MS = 2_000;

export class ListeningSpell implements Listening {
  readonly done: Promise<void>;
  readonly #session: Pick<Session, "attach" | "detach" | "send">;
  readonly #handlers: ListenHandlers;
  readonly #receiver: Receiver;
  readonly #feed: Feed;
  readonly #notices: GroupNotices;
  readonly #readMarks: ReadMarks | null;
  readonly #clock: Clock;
  readonly #onEnd: () => void;
  #settle: (error: Error | null) => void = () => undefined;
  #over = false;

  /** @param onEnd called once, when it is over */
  constructor(
    wiring: Wiring,
    session: Pick<Session, "attach" | "detach" | "send">,
    handlers: ListenHandlers,
    onEnd: () => void,
  ) {
    this.#session = session;
    this.#handlers = handlers;
    this.#clock = wiring.clock;
    this.#onEnd = onEnd;
    this.done = new Promise((resolve, reject) => {
      this.#settle = (error) => {
        if (error === null) resolve();
        else reject(error);
      };
    });
    // Who does not ask how it ended does not want the process to end over it.
    this.done.catch(() => undefined);
    const display = new Display((message) => handlers.onMessage(message));
    const readMarks = handlers.marksRead === true ? new ReadMarks(wiring.chats, wiring.clock) : null;
    const onFailure = (error: Error): void => void this.#finish(error);
    this.#readMarks = readMarks;
    this.#notices = new GroupNotices({
      ...wiring,
      display,
      onGroup: (notice) => handlers.onGroup?.(notice),
      onFailure,
    });
    this.#feed = new Feed({
      ...wiring,
      position: handlers.catchesUp === true ? wiring.position : null,
      display,
      readMarks,
      onSent: (message) => handlers.onSent?.(message),
      onFailure,
    });
    this.#receiver = new Receiver({
      ...wiring,
      caughtUp: () => this.#feed.caughtUp(),
      display,
      tellOfGroups: () => void this.#notices.flush(),
      readMarks,
      send: (frame) => session.send(frame),
      want: (deliveries) => {
        if (deliveries && !this.#over) session.attach();
        else session.detach();
      },
      onFailure,
    });
  }

  start(): void {
    this.#session.attach();
    this.#feed.start();
  }

  async stop(): Promise<void> {
    if (!this.#over) await this.#finish(null);
  }

  onDeliver(delivery: SendFrame): void {
    this.#receiver.onDeliver(delivery);
  }

  /** @param groups once it is known what has become of groups meanwhile */
  onLive(groups: Promise<void>): void {
    const taken = Promise.all([
      this.#receiver.whenTaken(),
      within(this.#clock, GROUPS_MS, groups).then(() => this.#notices.flush()),
    ]);
    void taken.then(() => {
      if (!this.#over) this.#told(() => this.#handlers.onLive?.());
    });
  }

  /** What this device does for it beside has failed, as where its disk is full. */
  fail(error: Error): void {
    void this.#finish(error);
  }

  onStatus(status: ConnectionStatus): void {
    this.#told(() => this.#handlers.onStatus?.(status));
  }

  /** The session ended for good. */
  onClosed(error: ErrorRecord | null): void {
    this.#feed.stop();
    void this.#receiver.stop();
    void this.#readMarks?.flush();
    this.#end(error === null ? null : new FastChatError(error.code, error.message));
  }

  /** A handler that throws ends the listening, and nothing else. */
  #told(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      void this.#finish(error as Error);
    }
  }

  /** Has what was shown archived and acknowledged first, if the archive answers soon. */
  async #finish(error: Error | null): Promise<void> {
    this.#feed.stop();
    await this.#receiver.stop();
    // What is shown once more next time is no reason not to end.
    await this.#feed.keep().catch(() => undefined);
    if (this.#readMarks !== null) await within(this.#clock, READ_MARKS_MS, this.#readMarks.flush());
    if (this.#over) return;
    this.#session.detach();
    this.#end(error);
  }

  #end(error: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#notices.stop();
    this.#onEnd();
    this.#settle(error);
  }
}
