/**
 * The sender's side: sends each message to the homes of its recipients, keeps it until all of them are settled, and
 * sends it again where a home moves (PROTOCOL.md, "Accepted").
 */
import { toHex } from "../../protocol/bytes.js";
import {
  HOT_HEADER_BYTES,
  encodeOutcomes,
  entrySpans,
  frameCount,
  Outcome,
  type EntrySpan,
} from "../../protocol/hot.js";
import type { AccountId, BodyId, ServerId, SessionNumber } from "../../protocol/ids.js";
import type { LinkMessage } from "../../protocol/link.js";
import { EMPTY_VIEW, homeOf, type View } from "../../protocol/view.js";
import { movedAlong, type ViewPath } from "./view-path.js";
import { RELEASED, keepFrame, restoreFrame, type KeptFrame } from "./kept-frame.js";

interface Recipient {
  readonly account: AccountId;
  outcome: Outcome | null;
}

interface Dispatch {
  readonly number: number;
  readonly session: SessionNumber;
  /** When the frame came, in milliseconds. */
  readonly takenAt: number;
  /** The `send` frame, as it came. */
  frame: KeptFrame;
  /** In the order of the frame. */
  readonly recipients: readonly Recipient[];
  /** The same by account; `null` for a sole recipient, as most messages have. */
  readonly byAccount: ReadonlyMap<AccountId, Recipient> | null;
  /** What its body is called where it is stored; `null` for a message with a sole recipient. */
  readonly body: BodyId | null;
  unsettled: number;
}

export interface DispatcherPorts {
  /** To a home, this server's own included. */
  send(to: ServerId, message: LinkMessage): void;
  /**
   * All recipients of a message are settled: the `accepted` frame for its sender's session, what the message took of its
   * window, which is the length of its frame, and when that frame came.
   */
  accepted(session: SessionNumber, frame: Uint8Array, cost: number, takenAt: number): void;
  /** More than `maxRefusing` accounts have refused messages of the session: it must end. */
  refusedTooOften(session: SessionNumber): void;
  readonly maxRefusing: number;
  newBodyId(): BodyId;
}

export class Dispatcher {
  /** In the order of arrival, which is the order in which they are sent again. */
  readonly #dispatches = new Map<number, Dispatch>();
  /** Accounts whose queue was full for a message of that session: nothing of the session goes to them any more. */
  readonly #refusing = new Map<SessionNumber, Set<AccountId>>();
  #bytes = 0;
  #next = 1;
  #view: View = EMPTY_VIEW;

  constructor(private readonly ports: DispatcherPorts) {}

  /** Messages whose recipients are not all settled. */
  get unsettled(): number {
    return this.#dispatches.size;
  }

  /** Bytes of those messages. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes a message of a session. Its entries are known to be well-formed.
   *
   * @param frame a view that need not last: what is kept of it is a copy
   * @param takenAt when it came, in milliseconds
   */
  dispatch(session: SessionNumber, frame: Uint8Array, takenAt: number): void {
    const number = this.#next;
    this.#next = this.#next === 0xffffffff ? 1 : this.#next + 1;
    const refusing = this.#refusing.get(session);
    if (frameCount(frame) === 1 && refusing === undefined) {
      const account = toHex(frame, HOT_HEADER_BYTES, HOT_HEADER_BYTES + 16) as AccountId;
      const recipients = [{ account, outcome: null }];
      const kept = keepFrame(frame);
      const dispatch = {
        number,
        session,
        takenAt,
        frame: kept,
        recipients,
        byAccount: null,
        body: null,
        unsettled: 1,
      };
      this.#keep(dispatch);
      const home = homeOf(this.#view, account);
      if (home !== null) this.#forwardTo(home.id, dispatch, frame);
      return;
    }
    const recipients = entrySpans(frame).map(({ recipient }) => ({ account: recipient, outcome: null }));
    const unsettled = recipients.length;
    const isSole = unsettled === 1;
    const dispatch = {
      number,
      session,
      takenAt,
      frame: keepFrame(frame),
      recipients,
      byAccount: isSole ? null : new Map(recipients.map((recipient) => [recipient.account, recipient])),
      body: isSole ? null : this.ports.newBodyId(),
      unsettled,
    };
    this.#keep(dispatch);
    this.#refuseAsBefore(dispatch);
    this.#forward(dispatch, frame, () => true);
  }

  /** A home has settled one recipient. */
  settled(number: number, account: AccountId, outcome: Outcome): void {
    const dispatch = this.#dispatches.get(number);
    const recipient = dispatch === undefined ? undefined : recipientOf(dispatch, account);
    if (dispatch === undefined || recipient === undefined || recipient.outcome !== null) return;
    this.#settle(dispatch, recipient, outcome);
    if (outcome === Outcome.queueFull) this.#remember(dispatch.session, account);
  }

  /**
   * A session is gone: nobody waits for the answer here any more, and its client sends again what it has not got.
   *
   * @param unanswered whether anything of it may be unsettled
   */
  forget(session: SessionNumber, unanswered: boolean): void {
    const told = new Set(this.#refusing.get(session));
    this.#refusing.delete(session);
    for (const [number, dispatch] of unanswered ? this.#dispatches : []) {
      if (dispatch.session !== session) continue;
      this.#dispatches.delete(number);
      this.#bytes -= dispatch.frame.length;
      // Their homes may be about to refuse it.
      for (const { account, outcome } of dispatch.recipients) if (outcome === null) told.add(account);
    }
    for (const account of told) {
      const home = homeOf(this.#view, account);
      if (home !== null) this.ports.send(home.id, { type: "ended", account, session });
    }
  }

  /** Sends again, in order, what is unsettled for accounts whose home is another one, or another start of it. */
  activate(view: View, path: ViewPath): void {
    if (view.number <= this.#view.number) return;
    this.#view = view;
    const moved = (account: AccountId): boolean => movedAlong(path, account);
    for (const dispatch of [...this.#dispatches.values()]) {
      if (dispatch.recipients.some(({ account, outcome }) => outcome === null && moved(account))) {
        const frame = restoreFrame(dispatch.frame);
        // Its former home refused it, or would have; the new one does not know of that.
        this.#refuseAsBefore(dispatch);
        this.#forward(dispatch, frame, moved);
      }
    }
  }

  #keep(dispatch: Dispatch): void {
    this.#dispatches.set(dispatch.number, dispatch);
    this.#bytes += dispatch.frame.length;
  }

  /** From now on nothing of the session is for that account: see mailbox.ts. */
  #remember(session: SessionNumber, account: AccountId): void {
    const accounts = this.#refusing.get(session) ?? new Set();
    this.#refusing.set(session, accounts.add(account));
    if (accounts.size > this.ports.maxRefusing) this.ports.refusedTooOften(session);
  }

  #refuseAsBefore(dispatch: Dispatch): void {
    const refusing = this.#refusing.get(dispatch.session);
    if (refusing === undefined) return;
    for (const recipient of dispatch.recipients) {
      if (recipient.outcome === null && refusing.has(recipient.account)) {
        this.#settle(dispatch, recipient, Outcome.queueFull);
      }
    }
  }

  #settle(dispatch: Dispatch, recipient: Recipient, outcome: Outcome): void {
    recipient.outcome = outcome;
    dispatch.unsettled--;
    if (dispatch.unsettled > 0) return;
    const { number, session, frame, takenAt } = dispatch;
    this.#dispatches.delete(number);
    this.#bytes -= frame.length;
    dispatch.frame = RELEASED;
    const outcomes = dispatch.recipients.map((one) => ({
      recipient: one.account,
      outcome: one.outcome ?? outcome,
    }));
    this.ports.accepted(session, encodeOutcomes(headerOf(frame), outcomes), frame.length, takenAt);
  }

  /** Sends one frame to each home, naming the recipients that are at home there, unsettled, and chosen. */
  #forward(dispatch: Dispatch, frame: Uint8Array, chosen: (account: AccountId) => boolean): void {
    const spans = entrySpans(frame);
    const perHome = new Map<ServerId, EntrySpan[]>();
    dispatch.recipients.forEach(({ account, outcome }, index) => {
      const span = spans[index];
      if (outcome !== null || span === undefined || !chosen(account)) return;
      const home = homeOf(this.#view, account);
      if (home === null) return;
      const at = perHome.get(home.id);
      if (at === undefined) perHome.set(home.id, [span]);
      else at.push(span);
    });
    for (const [home, those] of perHome) {
      const part = those.length === spans.length ? frame : partOf(frame, spans, those);
      this.#forwardTo(home, dispatch, part);
    }
  }

  #forwardTo(home: ServerId, { number: dispatch, session, body }: Dispatch, frame: Uint8Array): void {
    const view = this.#view.number;
    if (body === null) this.ports.send(home, { type: "forward", dispatch, view, session, frame });
    else this.ports.send(home, { type: "forwardMany", dispatch, view, session, body, frame });
  }
}

function recipientOf({ recipients, byAccount }: Dispatch, account: AccountId): Recipient | undefined {
  if (byAccount !== null) return byAccount.get(account);
  const [sole] = recipients;
  return sole?.account === account ? sole : undefined;
}

function headerOf(frame: KeptFrame): Uint8Array {
  return Buffer.from(frame.slice(0, HOT_HEADER_BYTES), "latin1");
}

/** The frame with only some of its recipients. */
function partOf(frame: Uint8Array, spans: readonly EntrySpan[], those: readonly EntrySpan[]): Uint8Array {
  const header = Buffer.from(frame.subarray(0, HOT_HEADER_BYTES));
  header.writeUInt16BE(those.length, 2);
  const entries = those.map(({ start, end }) => frame.subarray(start, end));
  return Buffer.concat([header, ...entries, frame.subarray(spans[spans.length - 1]?.end)]);
}
