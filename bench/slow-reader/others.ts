/** The other people: pairs who write to each other at a pace, and how long their messages take. */
import { Kind } from "../../src/protocol/hot.js";
import type { SignedIn } from "../../src/protocol/http.js";
import type { AccountId } from "../../src/protocol/ids.js";
import { Times } from "../percentiles.js";
import type { Connections } from "../service/connections.js";
import { acknowledge, expectNoClosing, openSession, type Line } from "../service/line.js";
import { MessageMaker, markOf } from "../service/message.js";

const TICK_MS = 5;
/** Marks of messages on the way, of one sender. */
const MARKS = 1 << 16;

interface Pair {
  readonly line: Line;
  readonly messages: MessageMaker;
  readonly to: AccountId;
  readonly sentAt: BigInt64Array;
  next: number;
}

export class Others {
  readonly #pairs: Pair[] = [];
  readonly #lines: Line[] = [];
  #times = new Times();
  #timer: NodeJS.Timeout | null = null;

  /** @param people two for each pair */
  static async connect(connections: Connections, people: readonly SignedIn[], size: number): Promise<Others> {
    const others = new Others();
    for (let index = 0; index + 1 < people.length; index += 2) {
      const [sender, recipient] = [people[index] as SignedIn, people[index + 1] as SignedIn];
      const sentAt = new BigInt64Array(MARKS);
      const open = async (person: SignedIn, attach: boolean): Promise<Line> => {
        const placement = await connections.placer(person)();
        const line = await openSession(placement, attach);
        others.#lines.push(line);
        return line;
      };
      const incoming = await open(recipient, true);
      incoming.onFrame = (frame) => {
        // `live` comes again after each detour through the database.
        if (frame[0] !== Kind.deliver) return;
        const mark = markOf(frame);
        others.#times.recordSince(sentAt[mark] ?? 0n);
        acknowledge(incoming, frame);
      };
      const outgoing = await open(sender, false);
      outgoing.onFrame = expectNoClosing;
      others.#pairs.push({
        line: outgoing,
        messages: new MessageMaker(sender.account, size),
        to: recipient.account,
        sentAt,
        next: 0,
      });
    }
    return others;
  }

  /** They write so many messages a second, all together, until {@link Others.close}. */
  begin(perSecond: number): void {
    const started = performance.now();
    let sent = 0;
    this.#timer = setInterval(() => {
      const due = ((performance.now() - started) / 1000) * perSecond;
      for (; sent < due; sent++) this.#send(this.#pairs[sent % this.#pairs.length] as Pair);
    }, TICK_MS);
  }

  /** From now on times are recorded there: from sending to being delivered. */
  recordInto(times: Times): void {
    this.#times = times;
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const { socket } of this.#lines) socket.destroy();
  }

  #send(pair: Pair): void {
    const mark = pair.next++ % MARKS;
    pair.sentAt[mark] = process.hrtime.bigint();
    pair.line.send(pair.messages.next(pair.to, pair.next, mark));
  }
}
