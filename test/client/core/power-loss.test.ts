/** A device may lose its power between any two of its acts (PROTOCOL.md, "Sending", "Receiving"). */
import t from "tap";
import { inTime, listenTo, resume, twoPeople, type Process } from "./device.js";
import { bobsMail, historyOf, outboxOf } from "./mail.js";
import { Service } from "./service.js";

/** Lets the power go at the nth moment of a kind. */
const deaths: Record<string, (service: Service, process: Process, nth: number) => void> = {
  "before a file": ({}, { storage }, nth) => {
    const from = storage.acts.length;
    storage.onAct = (when, index) => when === "before" && index === from + nth;
  },
  "behind a file": ({}, { storage }, nth) => {
    const from = storage.acts.length;
    storage.onAct = (when, index) => when === "after" && index === from + nth;
  },
  "before a message is taken": (service, { storage }, nth) => {
    service.onSend = () => {
      if (service.sends.length !== nth + 1) return false;
      storage.die();
      return true;
    };
  },
  "behind a message that is taken": (service, { storage }, nth) => {
    service.onSend = (session, frame) => {
      service.take(session, frame);
      if (service.sends.length === nth + 1) storage.die();
      return true;
    };
  },
  "before the archive has it": ({ archive }, { storage }, nth) => {
    let seen = 0;
    archive.onAppend = (when) => {
      const now = when === "before" && seen++ === nth;
      if (now) storage.die();
      return now;
    };
  },
  "once the archive has it": ({ archive }, { storage }, nth) => {
    let seen = 0;
    archive.onAppend = (when) => {
      const now = when === "after" && seen++ === nth;
      if (now) storage.die();
      return now;
    };
  },
};

t.test("whenever a sender's power goes, nothing is lost, doubled, reordered or numbered twice", async (t) => {
  let died = 0;
  for (const [moment, arm] of Object.entries(deaths)) {
    for (let nth = 0; ; nth++) {
      const service = new Service();
      const { onAlices, onBobs } = await twoPeople(service);
      arm(service, onAlices, nth);
      const accepted: string[] = [];
      const alice = await resume(onAlices);
      for (const text of ["one", "two", "three"]) {
        void alice.send("bob", text).then(
          () => accepted.push(text),
          () => undefined,
        );
      }
      let closed = false;
      await inTime(service, () => accepted.length === 3 || !onAlices.alive);
      void alice.close().then(() => {
        closed = true;
      });
      await inTime(service, () => closed || !onAlices.alive);
      const survived = onAlices.alive;
      if (!survived) died += 1;
      service.onSend = () => false;
      service.archive.onAppend = () => false;

      // What is left leaves by itself, and the next process goes on counting where it ended.
      const idle = onAlices.restart();
      const listener = await resume(idle);
      await listenTo(listener);
      await inTime(service, () => outboxOf(idle).length === 0);
      await inTime(service, listener.close());
      const next = idle.restart();
      const again = await resume(next);
      await inTime(service, again.send("bob", "after"));
      const own = await historyOf(service, again);
      await inTime(service, again.close());
      const where = `${moment}, ${nth}`;
      t.strictSame(outboxOf(next), [], `${where}: the outbox is empty in the end`);
      const mail = await bobsMail(service, onBobs);
      const expected = ["one", "two", "three"].slice(0, mail.texts.length - 1);
      t.strictSame(mail.texts, [...expected, "after"], `${where}: in order, each once`);
      t.strictSame(own, mail.texts, `${where}: the sender's history says the same`);
      const there = accepted.every((text) => mail.texts.includes(text));
      t.ok(there, `${where}: what was accepted is there`);
      const running = mail.numbers.map((_, index) => index + 1);
      t.strictSame(mail.numbers, running, `${where}: no number is missing or given twice`);
      if (survived) break;
    }
  }
  t.ok(died >= 20, `${died} deaths were tried`);
});

t.test(
  "whenever a recipient's power goes, each message is shown, and archived once and in order",
  async (t) => {
    let died = 0;
    const moments: typeof deaths = {
      ...deaths,
      "while a message is shown": () => undefined,
      "before an acknowledgement is sent": (service, { storage }, nth) => {
        let seen = 0;
        service.archive.onAppend = (when) => {
          // The answer has left when the power goes: what is lost is the acknowledgement.
          if (when === "after" && seen++ === nth) setImmediate(() => storage.die());
          return false;
        };
      },
    };
    for (const moment of Object.keys(moments).filter((name) => !name.includes("is taken"))) {
      for (let nth = 0; ; nth++) {
        const service = new Service();
        const { bob, onAlices, onBobs } = await twoPeople(service);
        const alice = await resume(onAlices);
        const texts = ["one", "two", "three"];
        await inTime(service, Promise.all(texts.map((text) => alice.send("bob", text))));
        await inTime(service, alice.close());
        moments[moment]?.(service, onBobs, nth);
        const shown: string[] = [];
        const reader = await resume(onBobs);
        await reader.listen({
          onMessage({ text }) {
            if (moment === "while a message is shown" && shown.length === nth) onBobs.storage.die();
            else shown.push(text);
          },
        });
        await inTime(service, () => service.mailbox(bob.account).length === 0 || !onBobs.alive);
        const survived = onBobs.alive;
        if (!survived) died += 1;
        else await inTime(service, reader.close());
        service.archive.onAppend = () => false;

        const again = await resume(onBobs.restart());
        await again.listen({ onMessage: ({ text }) => void shown.push(text) });
        await inTime(service, () => service.mailbox(bob.account).length === 0);
        const where = `${moment}, ${nth}`;
        t.strictSame(await historyOf(service, again), texts, `${where}: history has each once, in order`);
        t.strictSame([...new Set(shown)], texts, `${where}: each was shown, in order`);
        await inTime(service, again.close());
        if (survived) break;
      }
    }
    t.ok(died >= 10, `${died} deaths were tried`);
  },
);
