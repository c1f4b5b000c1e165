/** The outbox (PROTOCOL.md, "Sending"). */
import t from "tap";
import { encodeSend, Kind, Outcome, type SendFrame } from "../../../src/protocol/hot.js";
import { Client } from "../../../src/client/core/client.js";
import { DeviceFiles } from "../../../src/client/core/device-files.js";
import { OutboxFiles, type OutboxEntry } from "../../../src/client/core/outbox-files.js";
import { inTime, listenTo, resume, signedIn, turns, twoPeople, until, type Process } from "./device.js";
import { bobsMail, historyOf, outboxOf } from "./mail.js";
import { Service, type ServerSession } from "./service.js";

t.test("messages are numbered in the order they are given, one series for each conversation", async (t) => {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  const alice = await resume(onAlices);
  const sent = await Promise.all([
    alice.send("bob", "one"),
    alice.send("alice", "to myself"),
    alice.send("bob", "two"),
    alice.send("bob", "three"),
  ]);
  t.equal(new Set(sent.map(({ id }) => id)).size, 4);
  await inTime(service, alice.close());
  const again = await resume(onAlices.restart());
  await again.send("bob", "four");
  await inTime(service, again.close());
  service.mailboxes.delete(alice.me.account);
  t.strictSame(await bobsMail(service, onBobs), {
    texts: ["one", "two", "three", "four"],
    numbers: [1, 2, 3, 4],
  });
});

t.test("a message is on disk before it leaves", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  const onDisk: number[] = [];
  service.onSend = () => {
    onDisk.push(outboxOf(onAlices).length);
    return false;
  };
  const alice = await resume(onAlices);
  await alice.send("bob", "hello");
  t.strictSame(onDisk, [1]);
  await inTime(service, alice.close());
  t.strictSame(outboxOf(onAlices), []);
});

t.test("a device that fails to write sends nothing, and says so", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  const alice = await resume(onAlices);
  await alice.send("bob", "before");
  onAlices.storage.failure = new Error("no space left on the device");
  await t.rejects(alice.send("bob", "lost"), /no space left/);
  onAlices.storage.failure = null;
  await inTime(service, alice.send("bob", "after"));
  // What was accepted and not put down as such goes again, as the same message.
  t.equal(new Set(service.sends.map(({ message }) => message)).size, 2);
  t.strictSame(await historyOf(service, alice), ["before", "after"]);
  await inTime(service, alice.close());
});

t.test("a device that fails to write its numbers down gives none of them again", async (t) => {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  const alice = await resume(onAlices);
  await alice.send("bob", "one");
  await inTime(service, () => outboxOf(onAlices).length === 0);
  service.archive.slow.add("append");
  await alice.send("bob", "two");
  onAlices.storage.failure = new Error("no space left on the device");
  // The archive keeps the lock a little; then the numbers are written.
  await inTime(service, () => onAlices.storage.failures > 0);
  onAlices.storage.failure = null;
  service.archive.speak();
  await turns(100);
  t.equal(outboxOf(onAlices).length, 1, "the file stays although the archive has its message");
  await inTime(service, alice.send("bob", "three"));
  t.strictSame(await historyOf(service, alice), ["one", "two", "three"]);
  await inTime(service, alice.close());
  t.strictSame(outboxOf(onAlices), []);
  t.strictSame(await bobsMail(service, onBobs), { texts: ["one", "two", "three"], numbers: [1, 2, 3] });
});

t.test("whenever the service breaks off, everything unaccepted goes again in order", async (t) => {
  const moments: Record<string, (service: Service, session: ServerSession, frame: SendFrame) => void> = {
    "before it took a message": (_, session) => session.channel.destroy(),
    "before it answered": (service, session, frame) => {
      const muted = { ...session, channel: { ...session.channel, send: () => true } } as ServerSession;
      service.take(muted, frame);
      session.channel.destroy();
    },
    "behind its answer": (service, session, frame) => {
      service.take(session, frame);
      session.channel.close();
    },
    "saying that it cannot go on": (_, session) => {
      session.say({ type: "closing", code: "unavailable", message: "moved" });
      session.channel.close();
    },
    "for want of a good ticket": (_, session) => {
      session.say({ type: "closing", code: "badTicket", message: "old" });
      session.channel.close();
    },
  };
  for (const [moment, breakOff] of Object.entries(moments)) {
    for (let nth = 1; nth <= 4; nth++) {
      const service = new Service();
      const { onAlices, onBobs } = await twoPeople(service);
      let broken = false;
      service.onSend = (session, frame) => {
        if (broken || service.sends.length !== nth) return false;
        broken = true;
        breakOff(service, session, frame);
        return true;
      };
      const alice = await resume(onAlices);
      await inTime(service, Promise.all(["a", "b", "c", "d"].map((text) => alice.send("bob", text))));
      t.strictSame(await historyOf(service, alice), ["a", "b", "c", "d"], `${moment}, number ${nth}`);
      await inTime(service, alice.close());
      t.strictSame((await bobsMail(service, onBobs)).texts, ["a", "b", "c", "d"]);
    }
  }
});

t.test("messages may be accepted in any order; the archive has them in that of sending", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  const held: [ServerSession, SendFrame][] = [];
  service.onSend = (session, frame) => {
    held.push([session, frame]);
    return true;
  };
  const alice = await resume(onAlices);
  const outcomes: string[] = [];
  const sending = ["a", "b", "c"].map(async (text) => {
    const { outcome } = await alice.send("bob", text);
    outcomes.push(`${text} ${outcome}`);
  });
  await until(() => held.length === 3);
  for (const index of [2, 0, 1]) {
    const [session, frame] = held[index] as [ServerSession, SendFrame];
    service.answer(session, frame, index === 2 ? Outcome.acknowledged : Outcome.stored);
  }
  await Promise.all(sending);
  t.strictSame(outcomes, ["c acknowledged", "a stored", "b stored"]);
  t.strictSame(await historyOf(service, alice), ["a", "b", "c"]);
  await inTime(service, alice.close());
});

t.test("no more messages, and no more bytes, are on the way than the server's window allows", async (t) => {
  for (const limit of ["messages", "bytes"]) {
    const service = new Service();
    const { onAlices } = await twoPeople(service);
    const alice = await resume(onAlices);
    await alice.send("bob", "number x");
    const [first] = service.sends;
    const bytes = encodeSend(Kind.send, first as SendFrame).length;
    service.welcome = {
      ...service.welcome,
      ...(limit === "messages"
        ? { sendWindow: 3 }
        : { maxFrameBytes: bytes, sendWindowBytes: 4 * bytes - 1 }),
    };
    service.cut();
    const waiting: [ServerSession, SendFrame][] = [];
    const onTheWay: number[] = [];
    service.onSend = (session, frame) => {
      waiting.push([session, frame]);
      onTheWay.push(waiting.length);
      return true;
    };
    const all = Promise.all(Array.from({ length: 10 }, (_, index) => alice.send("bob", `number ${index}`)));
    for (let answered = 0; answered < 10; answered++) {
      await inTime(service, () => waiting.length >= Math.min(3, 10 - answered));
      const [session, frame] = waiting.shift() as [ServerSession, SendFrame];
      service.answer(session, frame, Outcome.stored);
    }
    await all;
    t.equal(Math.max(...onTheWay), 3, limit);
    await inTime(service, alice.close());
  }
});

t.test("a refused message is told, forgotten, and stands in no history", async (t) => {
  const cases = [
    { outcome: Outcome.queueFull, code: "queueFull" },
    { outcome: Outcome.noSuchAccount, code: "noSuchAccount" },
    { outcome: Outcome.notMember, code: "forbidden" },
  ] as const;
  for (const { outcome, code } of cases) {
    const service = new Service();
    const { onAlices } = await twoPeople(service);
    const alice = await resume(onAlices);
    service.onSend = (session, frame) => {
      if (service.sends.length > 1) return false;
      service.answer(session, frame, outcome);
      return true;
    };
    const [refused] = await Promise.allSettled([alice.send("bob", "refused"), alice.send("bob", "taken")]);
    t.match(refused, { status: "rejected", reason: { code } });
    t.strictSame(await historyOf(service, alice), ["taken"]);
    await inTime(service, alice.close());
    t.strictSame(outboxOf(onAlices), []);
  }
});

t.test("after a full queue the next message for the same person waits for a new session", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  const alice = await resume(onAlices);
  let full = true;
  service.onSend = (session, frame) => {
    if (full) service.answer(session, frame, Outcome.queueFull);
    return full;
  };
  await t.rejects(inTime(service, alice.send("bob", "refused")), { code: "queueFull" });
  t.equal(service.hellos.length, 1);
  full = false;
  await inTime(service, alice.send("bob", "taken"));
  t.equal(service.hellos.length, 2);
  t.equal(service.sends.length, 2, "nothing was sent for him in the session that was refused");
  await inTime(service, alice.close());
});

t.test("a message that is too large is refused here, with the limit in its text", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  service.welcome = { ...service.welcome, maxFrameBytes: 2000 };
  const alice = await resume(onAlices);
  await alice.send("bob", "small");
  await t.rejects(alice.send("bob", "x".repeat(3000)), { code: "tooLarge", message: /at most 2000/ });
  await t.rejects(alice.send("bob", "x".repeat(65537)), { code: "tooLarge", message: /at most 65536/ });
  await t.rejects(alice.send("bob", ""), { code: "badRequest" });
  await t.rejects(alice.send("no name!", "x"), { code: "badName" });
  await t.rejects(alice.send("nobody", "x"), { code: "noSuchAccount" });
  await alice.send("bob", "still works");
  t.equal(service.sends.length, 2);
  await inTime(service, alice.close());
});

t.test("a message written while no session told the limit is refused once one does", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  service.chatAway = true;
  service.welcome = { ...service.welcome, maxFrameBytes: 2000 };
  const alice = await resume(onAlices);
  const large = alice.send("bob", "x".repeat(3000));
  const small = alice.send("bob", "small");
  await until(() => outboxOf(onAlices).length > 0);
  service.chatAway = false;
  await inTime(service, t.rejects(large, { code: "tooLarge" }));
  await inTime(service, small);
  await inTime(service, alice.close());
  t.strictSame(outboxOf(onAlices), []);
});

t.test("who waits too long is told that the message is kept, and it leaves with the next", async (t) => {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  service.chatAway = true;
  const alice = await resume(onAlices, { sendPatienceMs: 2000 });
  await inTime(service, t.rejects(alice.send("bob", "kept"), { code: "unreachable", message: /is kept/ }));
  await inTime(service, alice.close());
  t.equal(outboxOf(onAlices).length, 1);
  service.chatAway = false;
  const again = await resume(onAlices.restart());
  await inTime(service, again.send("bob", "next"));
  t.strictSame(await historyOf(service, again), ["kept", "next"]);
  await inTime(service, again.close());
  t.strictSame((await bobsMail(service, onBobs)).texts, ["kept", "next"]);
});

t.test("what was left behind leaves by itself once there is a session again", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  const alice = await resume(onAlices, { sendPatienceMs: 2000 });
  await listenTo(alice);
  await until(() => service.sessions.size === 1);
  service.chatAway = true;
  service.cut();
  await inTime(service, t.rejects(alice.send("bob", "late"), { message: /is kept/ }));
  service.chatAway = false;
  await inTime(service, () => outboxOf(onAlices).length === 0);
  t.equal(service.sends.length, 1);
  t.strictSame(await historyOf(service, alice), ["late"]);
  await inTime(service, alice.close());
});

t.test("however long the service is away, what is written meanwhile is on disk at once", async (t) => {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  const alice = await resume(onAlices, { sendPatienceMs: 3_600_000 });
  await inTime(service, alice.send("bob", "0"));
  await inTime(service, () => outboxOf(onAlices).length === 0);
  service.chatAway = true;
  service.cut();
  const texts = ["1", "2", "3", "4"];
  for (const text of texts) {
    void alice.send("bob", text).catch(() => undefined);
    await inTime(service, () => outboxOf(onAlices).length === Number(text));
    service.clock.advance(60_000);
  }
  // Nobody closes it: it is killed where it stands.
  const next = onAlices.restart();
  service.chatAway = false;
  const again = await resume(next);
  await inTime(service, again.send("bob", "5"));
  t.strictSame(await historyOf(service, again), ["0", ...texts, "5"]);
  await inTime(service, again.close());
  t.strictSame((await bobsMail(service, onBobs)).texts, ["0", ...texts, "5"]);
});

t.test("a device with more to send than fits rests while the service is away", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  const alice = await resume(onAlices, { sendPatienceMs: 3_000 });
  await inTime(service, alice.send("bob", "0"));
  await inTime(service, () => outboxOf(onAlices).length === 0);
  service.chatAway = true;
  service.cut();
  const fits = 1_024;
  const sending = Array.from({ length: fits + 10 }, (_, index) => alice.send("bob", `${index}`));
  const given = Promise.allSettled(sending);
  await until(() => outboxOf(onAlices).length === fits / 64);
  service.clock.advance(3_000);
  const texts = (await given).map((result) => (result.status === "rejected" ? String(result.reason) : ""));
  t.equal(texts.filter((text) => text.includes("is kept")).length, fits);
  await until(() => onAlices.storage.lockless);
  const live = t.rejects(alice.send("bob", "live"));
  await turns(50);
  await until(() => onAlices.storage.lockless);
  const { length } = onAlices.storage.acts;
  await turns(500);
  t.equal(onAlices.storage.acts.length, length, "nothing is written while nothing can be done");
  service.clock.advance(3_000);
  await live;
  service.chatAway = false;
  await inTime(service, alice.send("bob", "last"));
  t.equal(service.sends.length, 1 + fits + 1);
  await inTime(service, alice.close());
  t.strictSame(outboxOf(onAlices), []);
});

t.test("a message that takes long to be accepted keeps none back behind it", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  const alice = await resume(onAlices, { sendPatienceMs: 60_000 });
  const slow: [ServerSession, SendFrame][] = [];
  service.onSend = (session, frame) => {
    if (slow.length > 0) return false;
    slow.push([session, frame]);
    return true;
  };
  const first = alice.send("bob", "slow");
  await until(() => slow.length === 1);
  service.clock.advance(5_000);
  await inTime(service, alice.send("bob", "quick"));
  t.equal(service.sends.length, 2);
  service.answer(...(slow[0] as [ServerSession, SendFrame]), Outcome.stored);
  await inTime(service, first);
  await inTime(service, alice.close());
  t.strictSame(outboxOf(onAlices), []);
});

t.test("a device that goes on writing leaves no files of what is done with", async (t) => {
  for (const setBackMs of [0, 3_600_000]) {
    const service = new Service();
    const { onAlices } = await twoPeople(service);
    const { clock } = onAlices.ports;
    let back = 0;
    const watch = { ...clock, now: () => clock.now() - back };
    const alice = await Client.resume({ ...onAlices.ports, clock: watch }, { sendPatienceMs: 60_000 });
    // Each is answered when the next has come: the lock is never given back.
    let unanswered: [ServerSession, SendFrame] | null = null;
    service.onSend = (session, frame) => {
      if (unanswered !== null) service.answer(...unanswered, Outcome.stored);
      unanswered = [session, frame];
      return true;
    };
    let most = 0;
    const sending: Promise<unknown>[] = [];
    for (let index = 1; index <= 12; index++) {
      sending.push(alice.send("bob", `${index}`));
      await inTime(service, () => service.sends.length === index);
      service.clock.advance(1_000);
      back += setBackMs;
      most = Math.max(most, outboxOf(onAlices).length);
    }
    t.ok(most <= 6, `${most} files at once`);
    service.onSend = () => false;
    service.cut();
    await inTime(service, Promise.all(sending));
    await inTime(service, alice.close());
    t.strictSame(outboxOf(onAlices), []);
  }
});

t.test("a session that ended for good says so to all who wait, and to those who come after", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  const alice = await resume(onAlices);
  service.onSend = (session) => {
    service.revokeAll();
    session.say({ type: "closing", code: "notSignedIn", message: "This device was signed out." });
    session.channel.close();
    return true;
  };
  await t.rejects(alice.send("bob", "hello"), { code: "notSignedIn", message: /is kept/ });
  await t.rejects(alice.send("bob", "again"), { code: "notSignedIn" });
  await t.rejects(alice.listen({ onMessage: () => undefined }), { code: "notSignedIn" });
  await inTime(service, alice.close());
});

t.test("while the archive is away messages are sent, and are archived later by whoever comes", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  service.archive.away = true;
  const alice = await resume(onAlices);
  await inTime(service, Promise.all(["a", "b"].map((text) => alice.send("bob", text))));
  await inTime(service, alice.close());
  t.equal(outboxOf(onAlices).length, 1, "accepted and not archived");
  service.archive.away = false;
  const next = onAlices.restart();
  const again = await resume(next);
  t.strictSame(await historyOf(service, again), ["a", "b"]);
  t.equal(service.sends.length, 2, "what was accepted is not sent again");
  await inTime(service, again.close());
  t.strictSame(outboxOf(next), []);
});

t.test("what waits for the archive is not read again whenever something is sent", async (t) => {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  service.archive.away = true;
  const alice = await resume(onAlices);
  const texts = ["1", "2", "3", "4", "5"];
  for (const text of texts) {
    await inTime(service, alice.send("bob", text));
    await inTime(service, () => onAlices.storage.lockless);
  }
  t.equal(outboxOf(onAlices).length, texts.length);
  t.strictSame(
    onAlices.storage.reads.filter((name) => name.startsWith("outbox-")),
    [],
  );
  service.archive.away = false;
  t.strictSame(await historyOf(service, alice), texts);
  await inTime(service, () => outboxOf(onAlices).length === 0);
  await inTime(service, alice.close());
  t.strictSame(await bobsMail(service, onBobs), { texts, numbers: [1, 2, 3, 4, 5] });
});

t.test("once the archive is too far behind nothing more is sent, until it takes something", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  service.archive.away = true;
  const alice = await resume(onAlices);
  await inTime(service, alice.send("bob", "first"));
  await inTime(service, () => onAlices.storage.lockless);
  const { account, device } = alice.me;
  const files = new OutboxFiles(await DeviceFiles.open(onAlices.storage), account, device);
  const { unknown } = await files.load(() => false);
  const [entry] = unknown.flatMap(({ entries }) => entries);
  if (entry === undefined) throw new Error("nothing was kept");
  // As many as it takes, of one message: how the others came about does not matter.
  await files.add(outboxOf(onAlices).at(-1) ?? null, [entry, ...new Array<OutboxEntry>(9_999).fill(entry)]);
  await t.rejects(inTime(service, alice.send("bob", "too many")), {
    code: "unavailable",
    message: /The archive has not taken the last 10000 messages/,
  });
  t.equal(service.sends.length, 1);
  service.archive.away = false;
  await inTime(service, () => outboxOf(onAlices).length === 0);
  await inTime(service, alice.send("bob", "second"));
  t.strictSame(await historyOf(service, alice), ["first", "second"]);
  await inTime(service, alice.close());
});

t.test("two processes of one device give one series of numbers and one order", async (t) => {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  const [one, other] = await Promise.all([resume(onAlices), resume(onAlices)]);
  const sending: Promise<unknown>[] = [];
  for (let index = 0; index < 20; index++) sending.push((index % 3 ? one : other).send("bob", `${index}`));
  await inTime(service, Promise.all(sending));
  const ones = await historyOf(service, one);
  await inTime(service, Promise.all([one.close(), other.close()]));
  const mail = await bobsMail(service, onBobs);
  t.equal(mail.texts.length, 20);
  t.strictSame(mail.texts, ones);
  t.strictSame(
    mail.numbers,
    mail.texts.map((_, index) => index + 1),
  );
});

t.test("what a process left when it died is sent by another of the device that still runs", async (t) => {
  const service = new Service();
  const { onAlices: doomed, onBobs } = await twoPeople(service);
  service.onSend = () => true;
  void (await resume(doomed)).send("bob", "left behind").catch(() => undefined);
  await until(() => service.sends.length === 1);
  service.onSend = () => false;
  const heir = await resume(doomed.restart());
  await inTime(service, heir.send("bob", "next"));
  t.strictSame(await historyOf(service, heir), ["left behind", "next"]);
  await inTime(service, heir.close());
  t.strictSame((await bobsMail(service, onBobs)).texts, ["left behind", "next"]);
});

t.test("a refusal of what is left from before is not the end: it leaves with the next session", async (t) => {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  let full = true;
  service.onSend = () => true;
  void (await resume(onAlices)).send("bob", "left behind").catch(() => undefined);
  await until(() => service.sends.length === 1);
  service.onSend = (session, frame) => {
    if (full) service.answer(session, frame, Outcome.queueFull);
    return full;
  };
  const heir = await resume(onAlices.restart());
  await t.rejects(inTime(service, heir.send("bob", "too early")), { code: "queueFull" });
  full = false;
  service.cut();
  await inTime(service, heir.send("bob", "next"));
  t.strictSame(await historyOf(service, heir), ["left behind", "next"]);
  await inTime(service, heir.close());
  t.strictSame((await bobsMail(service, onBobs)).texts, ["left behind", "next"]);
});

/** A device with a message for bob that nobody waits for, and that his full queue has refused once. */
async function putOff(service: Service): Promise<{ heir: Client; onHeirs: Process; makeRoom: () => void }> {
  const { bob, onAlices } = await twoPeople(service);
  service.onSend = () => true;
  void (await resume(onAlices)).send("bob", "left behind").catch(() => undefined);
  await until(() => service.sends.length === 1);
  let full = true;
  service.onSend = (session, frame) => {
    const refuses = full && frame.keys.some(({ recipient }) => recipient === bob.account);
    if (refuses) service.answer(session, frame, Outcome.queueFull);
    return refuses;
  };
  const onHeirs = onAlices.restart();
  const heir = await resume(onHeirs);
  await inTime(service, heir.send("alice", "a note"));
  const entries = () => [...service.archive.archives.values()].flatMap((archive) => archive.entries);
  await inTime(service, () => onHeirs.storage.lockless && entries().length > 0);
  return {
    heir,
    onHeirs,
    makeRoom: () => {
      full = false;
    },
  };
}

t.test("what is put off for one person costs no session when others are written to", async (t) => {
  const service = new Service();
  const { heir, onHeirs, makeRoom } = await putOff(service);
  t.equal(service.sends.length, 3);
  for (const text of ["1", "2", "3"]) {
    await inTime(service, heir.send("alice", text));
    await inTime(service, () => onHeirs.storage.lockless);
  }
  t.equal(service.sends.length, 6, "nothing is tried in vain");
  t.equal(service.hellos.length, 2);
  makeRoom();
  await inTime(service, heir.send("bob", "awaited"));
  t.equal(service.hellos.length, 3, "whoever waits need not wait for the pause to pass");
  t.strictSame((await historyOf(service, heir)).slice(-2), ["left behind", "awaited"]);
  await inTime(service, heir.close());
  t.strictSame(outboxOf(onHeirs), []);
});

t.test("what is put off leaves with a session of its own, though nobody sends or listens", async (t) => {
  for (const session of ["open", "lost"]) {
    const service = new Service();
    const { heir, onHeirs, makeRoom } = await putOff(service);
    makeRoom();
    if (session === "lost") service.cut();
    await inTime(service, () => outboxOf(onHeirs).length === 0);
    t.equal(service.hellos.length, 3, session);
    t.equal(service.sends.length, 4);
    await inTime(service, heir.close());
  }
});

t.test("what is put off is tried less and less often, and soon again once some of it got on", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  service.onSend = () => true;
  const doomed = await resume(onAlices);
  for (const text of ["one", "two"]) void doomed.send("bob", text).catch(() => undefined);
  await until(() => service.sends.length === 2);
  let room = 0;
  service.onSend = (session, frame) => {
    if (room-- > 0) return false;
    service.answer(session, frame, Outcome.queueFull);
    return true;
  };
  const restarted = onAlices.restart();
  const heir = await resume(restarted);
  // Writing to herself has her client look at what is left: the first refusals.
  void heir.send("alice", "a note").catch(() => undefined);
  const pauses: number[] = [];
  const nextSession = async (): Promise<void> => {
    const sessions = service.hellos.length;
    const before = service.clock.now();
    await inTime(service, () => service.hellos.length > sessions);
    pauses.push(Math.round((service.clock.now() - before) / 5_000) * 5);
  };
  await inTime(service, () => service.sends.length >= 4);
  for (let session = 1; session <= 6; session++) await nextSession();
  // This session has begun, and nothing was sent in it yet.
  room = 1;
  await nextSession();
  t.strictSame(pauses, [5, 10, 20, 40, 60, 60, 5]);
  room = 2;
  await inTime(service, () => outboxOf(restarted).length === 0);
  await inTime(service, heir.close());
});

t.test("what left in a session before is not called refused for what stands in front of it", async (t) => {
  const service = new Service();
  const { onAlices, onBobs } = await twoPeople(service);
  service.onSend = () => true;
  const alice = await resume(onAlices, { sendPatienceMs: 10_000 });
  const given = alice.send("bob", "given up").catch((error: Error) => error.message);
  await inTime(service, () => service.sends.length === 1);
  service.clock.advance(9_000);
  const kept = alice.send("bob", "waited for").catch((error: Error) => error.message);
  await inTime(service, () => service.sends.length === 2);
  t.match(await inTime(service, given), "is kept on this device");
  let full = true;
  service.onSend = (session, frame) => {
    if (full) service.answer(session, frame, Outcome.queueFull);
    return full;
  };
  // One at a time: the first is answered before the second leaves again.
  service.welcome = { ...service.welcome, sendWindow: 1 };
  service.cut();
  t.match(await inTime(service, kept), "is kept on this device");
  full = false;
  await inTime(service, () => outboxOf(onAlices).length === 0);
  await inTime(service, alice.close());
  t.strictSame((await bobsMail(service, onBobs)).texts, ["given up", "waited for"]);
});

t.test("a session that ended for good is not renewed", async (t) => {
  const service = new Service();
  const { heir, onHeirs } = await putOff(service);
  service.onSend = (session) => {
    session.say({ type: "closing", code: "notSignedIn", message: "This device was signed out." });
    session.channel.close();
    return true;
  };
  await t.rejects(heir.send("alice", "while it ends"), { code: "notSignedIn" });
  await inTime(service, () => onHeirs.storage.lockless);
  t.strictSame(onHeirs.busy, { timers: 1, channels: 1 }, "those of the archive");
  await inTime(service, heir.close());
});

t.test("what was put off leaves with a new session, though the device never stops writing", async (t) => {
  const service = new Service();
  const { bob, onAlices } = await twoPeople(service);
  service.onSend = () => true;
  void (await resume(onAlices)).send("bob", "left behind").catch(() => undefined);
  await until(() => service.sends.length === 1);
  let refusals = 0;
  let notes = 0;
  let unanswered: [ServerSession, SendFrame] | null = null;
  service.onSend = (session, frame) => {
    if (frame.keys.some(({ recipient }) => recipient === bob.account)) {
      if (refusals++ > 0) return false;
      service.answer(session, frame, Outcome.queueFull);
    } else {
      // What alice writes to herself is answered when the next has come: there is always one on the way.
      notes++;
      if (unanswered !== null) service.answer(...unanswered, Outcome.stored);
      unanswered = [session, frame];
    }
    return true;
  };
  const restarted = onAlices.restart();
  const heir = await resume(restarted, { sendPatienceMs: 3_600_000 });
  const sending: Promise<unknown>[] = [];
  for (let index = 1; index <= 40; index++) {
    sending.push(heir.send("alice", `${index}`));
    await inTime(service, () => notes >= index);
    service.clock.advance(2_000);
  }
  await inTime(service, () => service.mailbox(bob.account).length === 1);
  t.equal(refusals, 2);
  service.onSend = () => false;
  service.cut();
  await inTime(service, Promise.all(sending));
  await inTime(service, heir.close());
  t.strictSame(outboxOf(restarted), []);
});

t.test("a device that logs in anew counts from 1 again, since it is another device", async (t) => {
  const service = new Service();
  const { alice, onAlices, onBobs } = await twoPeople(service);
  const first = await resume(onAlices);
  await first.send("bob", "from the first");
  await inTime(service, first.close());
  const second = await resume(await signedIn(service, alice, "alice"));
  await second.send("bob", "from the second");
  await inTime(service, second.close());
  t.strictSame(await bobsMail(service, onBobs), {
    texts: ["from the first", "from the second"],
    numbers: [1, 1],
  });
});
