/** What a sender was told to be accepted goes to nobody who came later, whatever happens to its device (PROTOCOL.md, "Sending"). */
import t from "tap";
import type { MessageId } from "../../../src/protocol/ids.js";
import { AcceptedNotes } from "../../../src/client/core/accepted-notes.js";
import { inTime, resume } from "./device.js";
import { Scene, texts } from "./groups-scene.js";

const OUTBOX = "outbox-";
const NOTES = "accepted-";

t.test(
  "at whichever moment its sender's power goes, whoever came later has nothing that was accepted before",
  async (t) => {
    let died = 0;
    for (let nth = 0; ; nth++) {
      const scene = await Scene.open();
      const { service } = scene;
      const [alice, bob, carol] = await scene.everybody();
      await scene.create(alice, "Team", "bob");
      await scene.change(alice, "promote", "bob");
      await scene.until(() => bob.notices.length === 2);
      await scene.quiet();
      // What is accepted stays in the outbox as long as it is not archived, and is not written down as accepted there.
      service.archive.slow.add("append");
      const { process } = alice;
      const { storage } = process;
      const from = storage.acts.length;
      storage.onAct = (when, index) =>
        index === from + Math.floor(nth / 2) && when === (nth % 2 ? "after" : "before");
      const told: string[] = [];
      for (const text of ["one", "two", "three"]) {
        alice.client.send("#Team", text).then(
          () => told.push(text),
          () => undefined,
        );
      }
      await scene.until(() => !process.alive || told.length === 3);
      const whole = process.alive;
      if (!whole) died += 1;
      const again = process.restart();
      service.archive.speak();
      await scene.change(bob, "add", "carol");
      await scene.until(() => carol.notices.length > 0);
      const restarted = await scene.listening("alice", again);
      // In order behind all that was left: once this is there, so is that.
      await scene.done(restarted.client.send("#Team", "last"));
      await scene.until(() => texts(carol).includes("alice: last") && texts(bob).includes("alice: last"));
      await scene.quiet();
      const saw = texts(carol).map((line) => line.replace("alice: ", ""));
      t.same(
        saw.filter((text) => told.includes(text)),
        [],
        `told ${told.join(", ")}: moment ${nth}`,
      );
      const ofBob = texts(bob).filter((line) => /one|two|three|last/.test(line));
      t.same(ofBob.at(-1), "alice: last");
      t.equal(new Set(ofBob).size, ofBob.length, "once");
      for (const text of told) t.ok((await scene.history(bob)).includes(`alice: ${text}`));
      for (const text of told) t.ok((await scene.history(restarted)).includes(`alice: ${text}`));
      // Nothing stays on disk.
      await scene.until(
        () =>
          ![...again.storage.files.keys()].some((name) => name.startsWith(OUTBOX) || name.startsWith(NOTES)),
      );
      await scene.close();
      if (whole) break;
    }
    t.ok(died >= 4, `the power went ${died} times`);
  },
);

t.test("notes that a crash left behind without their messages are swept away", async (t) => {
  const scene = await Scene.open();
  const [alice] = await scene.everybody();
  await scene.create(alice, "Team", "bob");
  const { process } = alice;
  await inTime(scene.service, alice.client.close());
  process.storage.files.set(`${NOTES}000000000001-left`, new Uint8Array(9));
  const again = process.restart();
  const client = await resume(again);
  await scene.done(client.send("#Team", "hello"));
  t.notOk(again.storage.files.has(`${NOTES}000000000001-left`));
  await scene.done(client.close());
  await scene.close();
});

t.test(
  "messages that are accepted while others are being noted share the next write, and a full disk stops none",
  async (t) => {
    const written: string[][] = [];
    const waiting: ((error?: Error) => void)[] = [];
    const notes = new AcceptedNotes({
      noteAccepted(file, messages) {
        written.push([file, ...messages]);
        return new Promise((resolve, reject) => {
          waiting.push((error) => (error === undefined ? resolve() : reject(error)));
        });
      },
    });
    const note = (message: string): Promise<void> => notes.note("a", message as MessageId);
    const first = note("1");
    await Promise.resolve();
    const others = [note("2"), note("3")];
    waiting.shift()?.();
    await first;
    await new Promise(setImmediate);
    t.same(written, [
      ["a", "1"],
      ["a", "1", "2", "3"],
    ]);
    let settled = false;
    const forgotten = notes.forget("a").then(() => {
      settled = true;
    });
    await new Promise(setImmediate);
    t.notOk(settled, "nothing is removed under a write");
    waiting.shift()?.(new Error("no space"));
    await Promise.all([...others, forgotten]);
    t.ok(settled);
  },
);
