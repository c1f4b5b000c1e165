/** A receiver whose archive is slow (PROTOCOL.md, "Receiving"). */
import t from "tap";
import type { NewEntry } from "../../../src/client/core/archive.js";
import { Conversations } from "../../../src/client/core/conversations.js";
import { Entries } from "../../../src/client/core/entries.js";
import { Display } from "../../../src/client/core/display.js";
import { Receiver } from "../../../src/client/core/receive.js";
import { readId16, type DeviceId } from "../../../src/protocol/ids.js";
import { inTime, resume, twoPeople, until } from "./device.js";
import { Service } from "./service.js";

t.test(
  "no more waits for the archive than fits; the rest stays with the service, and comes in order",
  async (t) => {
    const service = new Service();
    const { alice, bob, onAlices, onBobs } = await twoPeople(service);
    const texts = Array.from({ length: 12 }, (_, index) => `${index}`);
    const sender = await resume(onAlices);
    await inTime(service, Promise.all(texts.map((text) => sender.send("bob", text))));
    await inTime(service, sender.close());
    const box = [...service.mailbox(bob.account)];

    const { clock, random } = onBobs.ports;
    const entries = new Entries(bob.keys.archive);
    const archived: NewEntry[] = [];
    const held: (() => void)[] = [];
    const shown: string[] = [];
    const asked: string[] = [];
    let acks = 0;
    const receiver = new Receiver(
      {
        me: bob.account,
        device: readId16<DeviceId>(new Uint8Array(16)),
        caughtUp: () => Promise.resolve(),
        conversations: new Conversations({
          keys: bob.keys,
          device: readId16<DeviceId>(new Uint8Array(16)),
          contacts: {
            known: () => alice.verified,
            byAccount: () => Promise.resolve(alice.verified),
            cardsOf: () => Promise.resolve([alice.verified]),
          },
          groups: {
            accuse: () => undefined,
            find: () => Promise.resolve(null),
            standing: () => Promise.resolve({ kind: "outsider" }),
            titleOf: () => Promise.resolve(""),
          },
          entries,
          clock,
          random,
        }),
        entries,
        groups: { hearTitle: () => Promise.resolve() },
        receipts: { take: () => Promise.resolve(), flush: () => undefined },
        receiptSender: { got: () => Promise.resolve() },
        invites: { answer: () => Promise.resolve() },
        tellOfGroups: () => undefined,
        archive: {
          away: false,
          read: () => Promise.resolve({ type: "page", ref: 0, entries: [], more: false }),
          append: (entry) =>
            new Promise((resolve) => {
              held.push(() => {
                archived.push(entry);
                resolve({ counter: archived.length, had: false });
              });
            }),
        },
        clock,
        random,
        send: () => {
          acks += 1;
          return true;
        },
        want: (deliveries) => void asked.push(deliveries ? "more" : "no more"),
        display: new Display(({ text }) => void shown.push(text)),
        readMarks: null,
        onFailure: (error) => t.fail(error.message),
      },
      { deliveries: 5, bytes: 1_000_000 },
    );
    const deliver = (): void => {
      for (const frame of box.slice(acks)) receiver.onDeliver(frame);
    };

    deliver();
    await until(() => held.length === 5);
    t.strictSame(asked, ["no more"]);
    t.strictSame(shown, texts.slice(0, 5));
    deliver();
    for (const answer of held.splice(0, 3)) answer();
    await until(() => acks === 3);
    t.strictSame(asked, ["no more"], "not before all that was taken is archived");
    for (const answer of held.splice(0)) answer();
    await until(() => acks === 5);
    t.strictSame(asked, ["no more", "more"]);

    deliver();
    await until(() => held.length === 5);
    for (const answer of held.splice(0)) answer();
    await until(() => acks === 10);
    deliver();
    await until(() => held.length === 2);
    for (const answer of held.splice(0)) answer();
    await until(() => acks === 12);
    t.strictSame(asked, ["no more", "more", "no more", "more"]);
    t.strictSame(shown, texts);
    t.equal(archived.length, 12);
    await receiver.stop();
  },
);
