/** People who write to each other, over the whole system in one thread. */
import t from "tap";
import { engines } from "../engines/engines.js";
import { Ear, PASSWORD, System } from "./system.js";

// One connection to PGlite would have to serve all threads of the system here; its store tests are its own.
for (const engine of engines().filter(({ name, concurrent }) => name === "pg-mem" || concurrent)) {
  t.test(`on ${engine.name}`, { skip: engine.skip }, async (t) => {
    const system = await System.start(engine);
    t.teardown(() => system.close());
    const alice = await system.register("alice");
    const bob = await system.register("bob");

    await t.test("two people on different servers write to each other", async (t) => {
      const [alicesEar, bobsEar] = [await Ear.open(alice), await Ear.open(bob)];
      await bobsEar.until(() => bobsEar.live);
      const { id, outcome } = await alice.send("bob", "hello Bob");
      await bobsEar.until(() => bobsEar.messages.length === 1);
      t.match(bobsEar.messages[0], { id, from: "alice", text: "hello Bob", number: 1 });
      t.equal(outcome, "acknowledged");
      await bob.send("Alice", "hello Alice");
      await alicesEar.until(() => alicesEar.messages.length === 1);
      t.same(alicesEar.texts, ["hello Alice"]);
      await alicesEar.stop();
      await bobsEar.stop();
    });

    await t.test(
      "somebody offline finds everything later, on another device, and the history with it",
      async (t) => {
        const carol = await system.register("carol", "carol's phone");
        await carol.send("alice", "I am here");
        await carol.close();
        for (let i = 0; i < 20; i++) {
          const { outcome } = await alice.send("carol", `message ${i}`);
          t.equal(outcome, "stored");
        }
        const laptop = await system.login("carol", "carol's laptop");
        const ear = await Ear.open(laptop);
        await ear.until(() => ear.messages.length === 20);
        const sent = Array.from({ length: 20 }, (_, i) => `message ${i}`);
        t.same(ear.texts, sent);
        await ear.stop();
        const history = await laptop.history({ with: "alice" });
        t.same(
          history.map(({ direction, text }) => [direction, text]),
          [["sent", "I am here"], ...sent.map((text) => ["received", text])],
        );
        const again = await Ear.open(laptop);
        await again.until(() => again.live);
        t.same(again.texts, [], "what was acknowledged does not come again");
        await again.stop();
      },
    );

    await t.test("a wrong password and an unknown name are refused alike", async (t) => {
      const errors = await Promise.all(
        [
          ["alice", "not the password"],
          ["nobody", PASSWORD],
        ].map(([name = "", password = ""]) =>
          system.login(name, `thief of ${name}`, password).then(
            () => t.fail("must not be let in"),
            (error: unknown) => ({ ...(error as object), message: (error as Error).message }),
          ),
        ),
      );
      t.match(errors[0], { code: "loginFailed" });
      t.same(errors[0], errors[1]);
    });

    await t.test("a name is one person's, whatever its case", async (t) => {
      await t.rejects(system.register("Alice", "another"), { code: "nameTaken" });
      const [one, other] = await Promise.allSettled([
        system.register("twin", "twin one"),
        system.register("Twin", "twin two"),
      ]);
      t.same([one.status, other.status].sort(), ["fulfilled", "rejected"]);
      const lost = one.status === "rejected" ? one : other;
      t.match(lost, { reason: { code: "nameTaken" } });
    });

    await t.test("nobody to write to is said at once", async (t) => {
      await t.rejects(alice.send("no.such.person", "hello"), { code: "noSuchAccount" });
    });

    await t.test("a device that was closed goes on where it was", async (t) => {
      await bob.close();
      await alice.send("bob", "while you were away");
      const resumed = await system.resume("bob");
      const ear = await Ear.open(resumed);
      await ear.until(() => ear.messages.length === 1);
      t.same(ear.texts, ["while you were away"]);
      await ear.stop();
      t.equal(await resumed.safetyNumber("alice"), await alice.safetyNumber("bob"));
    });

    await t.test("a server that goes and one that comes lose nothing, and the order stays", async (t) => {
      const reader = await system.resume("bob");
      const ear = await Ear.open(reader);
      await ear.until(() => ear.live);
      const texts = Array.from({ length: 30 }, (_, i) => `through the change ${i}`);
      for (const [i, text] of texts.entries()) {
        if (i === 10) {
          await system.stopServer("chat-2");
          await system.changeView();
        }
        if (i === 20) {
          await system.startServer("chat-4");
          await system.changeView();
        }
        await alice.send("bob", text);
      }
      await ear.until(() => new Set(ear.texts).size === texts.length);
      t.same([...new Set(ear.texts)], texts);
      await ear.stop();
      const history = await reader.history({ with: "alice", limit: 30 });
      t.same(
        history.map(({ text }) => text),
        texts,
        "in the history each stands once",
      );
    });

    await t.test(
      "while the archive is away messages are shown, and acknowledged when it is back",
      async (t) => {
        const reader = await system.resume("bob");
        const ear = await Ear.open(reader);
        await ear.until(() => ear.live);
        await system.stopArchive();
        const sent = alice.send("bob", "no archive now");
        await ear.until(() => ear.messages.length === 1);
        t.same(ear.texts, ["no archive now"]);
        await system.startArchive();
        await sent;
        await ear.stop();
        const history = await reader.history({ with: "alice", limit: 1 });
        t.equal(history[0]?.text, "no archive now");
      },
    );
  });
}
