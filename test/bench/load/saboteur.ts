/** Loaded into a system's threads by a test: its mailboxes say of every fifth message that somebody has it, and drop it. */
import { Outcome } from "../../../src/protocol/hot.js";
import { Mailbox } from "../../../src/workers/chat/mailbox.js";
import type { MailboxPorts } from "../../../src/workers/chat/mailbox-ports.js";

/** What TypeScript keeps to the class itself. */
interface Inside {
  readonly account: Mailbox["account"];
  readonly ports: MailboxPorts;
}

const accept = Reflect.get(Mailbox.prototype, "accept") as (this: Mailbox, ...args: unknown[]) => void;
let count = 0;

Mailbox.prototype.accept = function (this: Mailbox, ...args: Parameters<Mailbox["accept"]>) {
  if (++count % 5 !== 0) return accept.apply(this, args);
  const { account, ports } = this as unknown as Inside;
  const [, , , , { server, dispatch }] = args;
  ports.send(server, { type: "settled", dispatch, recipient: account, outcome: Outcome.acknowledged });
};
