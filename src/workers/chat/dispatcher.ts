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
  type EntrySpan,
  type Outcome,
} from "../../protocol/hot.js";
import type { AccountId, ServerId, SessionNumber } from "../../protocol/ids.js";
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
  /** The `send` frame, as it came. */
  frame: KeptFrame;
  readonly recipients: readonly Recipient[];
  unsettled: number;
}

export interface DispatcherPorts {
  /** To a home, this server's own included. */
  send(to: ServerId, message: LinkMessage): void;
  /** All recipients of a message are settled: the `accepted` frame for its sender's session. */
  accepted(session: SessionNumber, frame: Uint8Array, sentBytes: number): void;
}

export class Dispatcher {
  /** In the order of arrival, which is the order in which they are sent again. */
  readonly #dispatches = new Map<number, Dispatch>();
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
   */
  dispatch(session: SessionNumber, frame: Uint8Array): void {
    const number = this.#next;
    this.#next = this.#next === 0xffffffff ? 1 : this.#next + 1;
    this.#bytes += frame.length;
    if (frameCount(frame) === 1) {
      const account = toHex(frame, HOT_HEADER_BYTES, HOT_HEADER_BYTES + 16) as AccountId;
      const recipients = [{ account, outcome: null }];
      this.#dispatches.set(number, { number, session, frame: keepFrame(frame), recipients, unsettled: 1 });
      const home = homeOf(this.#view, account);
      if (home !== null) {
        this.ports.send(home.id, { type: "forward", dispatch: number, view: this.#view.number, frame });
      }
      return;
    }
    const recipients = entrySpans(frame).map(({ recipient }) => ({ account: recipient, outcome: null }));
    const unsettled = recipients.length;
    const dispatch = { number, session, frame: keepFrame(frame), recipients, unsettled };
    this.#dispatches.set(number, dispatch);
    this.#forward(dispatch, frame, () => true);
  }

  /** A home has settled one recipient. */
  settled(number: number, account: AccountId, outcome: Outcome): void {
    const dispatch = this.#dispatches.get(number);
    const recipient = dispatch?.recipients.find((one) => one.account === account);
    if (dispatch === undefined || recipient === undefined || recipient.outcome !== null) return;
    recipient.outcome = outcome;
    dispatch.unsettled--;
    if (dispatch.unsettled > 0) return;
    const { session, frame } = dispatch;
    this.#dispatches.delete(number);
    this.#bytes -= frame.length;
    dispatch.frame = RELEASED;
    const outcomes = dispatch.recipients.map((one) => ({
      recipient: one.account,
      outcome: one.outcome ?? outcome,
    }));
    this.ports.accepted(session, encodeOutcomes(headerOf(frame), outcomes), frame.length);
  }

  /** A session is gone: nobody waits for the answer here any more, and its client sends again what it has not got. */
  forget(session: SessionNumber): void {
    for (const [number, dispatch] of this.#dispatches) {
      if (dispatch.session !== session) continue;
      this.#dispatches.delete(number);
      this.#bytes -= dispatch.frame.length;
    }
  }

  /** Sends again, in order, what is unsettled for accounts whose home is another one, or another start of it. */
  activate(view: View, path: ViewPath): void {
    if (view.number <= this.#view.number) return;
    this.#view = view;
    const moved = (account: AccountId): boolean => movedAlong(path, account);
    for (const dispatch of this.#dispatches.values()) {
      if (dispatch.recipients.some(({ account, outcome }) => outcome === null && moved(account))) {
        this.#forward(dispatch, restoreFrame(dispatch.frame), moved);
      }
    }
  }

  /** Sends one frame to each home, naming the recipients that are at home there, unsettled, and chosen. */
  #forward(
    { number, recipients }: Dispatch,
    frame: Uint8Array,
    chosen: (account: AccountId) => boolean,
  ): void {
    const spans = entrySpans(frame);
    const perHome = new Map<ServerId, EntrySpan[]>();
    recipients.forEach(({ account, outcome }, index) => {
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
      this.ports.send(home, { type: "forward", dispatch: number, view: this.#view.number, frame: part });
    }
  }
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
