/** Loaded into a system's threads by a test: its mailboxes drop every fifth message, and tell nobody what became of it. */
import { Mailbox } from "../../../src/workers/chat/mailbox.js";

const accept = Reflect.get(Mailbox.prototype, "accept") as (this: Mailbox, ...args: unknown[]) => void;
let count = 0;

Mailbox.prototype.accept = function (this: Mailbox, ...args: Parameters<Mailbox["accept"]>) {
  if (++count % 5 !== 0) accept.apply(this, args);
};
