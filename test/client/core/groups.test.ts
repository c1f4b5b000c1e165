/** Groups, as their members see them (PROTOCOL.md, "Groups"). */
import t from "tap";
import type { UserName } from "../../../src/protocol/ids.js";
import { inTime, resume, turns } from "./device.js";
import { Scene, lines, texts } from "./groups-scene.js";

const MADE = "* alice made the group with bob, carol";
const CALLED = 'alice: (the group is called "Team")';

t.test(
  "what one writes to a group, all of its members have, with who made it and what it is called",
  async (t) => {
    const scene = await Scene.open();
    const [alice, bob, carol] = await scene.everybody();
    const { id, members, isAdmin } = await scene.create(alice, "Team", "bob", "carol");
    t.same(
      members.map(({ name, admin }) => [name, admin]),
      [
        ["alice", true],
        ["bob", false],
        ["carol", false],
      ],
    );
    t.equal(isAdmin, true);
    const sent = await scene.done(alice.client.send("#Team", "hello"));
    t.match(sent, { to: "#Team", recipients: 2, missed: [] });
    await scene.until(() => bob.received.length === 2 && carol.received.length === 2);
    await scene.done(bob.client.send(id, "by its id"));
    await scene.until(() => alice.received.length === 1 && carol.received.length === 3);
    t.same(texts(bob), [CALLED, "alice: hello"]);
    t.match(bob.received[1], { group: { id, title: "Team" }, conversation: id });
    t.match(bob.notices, [
      { group: { id, title: "Team" }, by: "alice", text: "alice made the group with bob, carol" },
    ]);
    await scene.quiet();
    for (const screen of [bob, carol]) {
      t.same(await scene.history(screen), [MADE, CALLED, "alice: hello", "bob: by its id"]);
    }
    t.same(await scene.history(alice, "#team"), [MADE, CALLED, "alice: hello", "bob: by its id"]);
    const { chats } = await scene.done(bob.client.chats());
    t.match(chats[0], {
      with: "#Team",
      group: { id },
      unread: 2,
      newest: { text: "by its id", to: "#Team" },
    });
    const found = await scene.done(bob.client.search("hello"));
    t.match(found, [{ to: "#Team", text: "hello" }]);
    const groups = await scene.done(bob.client.groups.list(false));
    t.match(groups, [{ id, title: "Team", isMember: true, isAdmin: false, epoch: 1 }]);
    await scene.close();
  },
);

t.test("who writes by an old membership does not notice: all of now get it, once and in order", async (t) => {
  const scene = await Scene.open();
  const [alice, bob, carol] = await scene.everybody();
  await scene.create(alice, "Team", "bob");
  await scene.until(() => bob.received.length === 1);
  scene.service.tellsOfGroups = false;
  // Bob is told of nothing, and his messages are on the way while Carol is added.
  const held: (() => void)[] = [];
  scene.service.onSend = (session, frame) => {
    if (frame.account !== bob.client.me.account || held.length >= 5) return false;
    held.push(() => {
      scene.service.onSend = () => false;
      for (const outcome of frame.keys.length > 0 ? [19 as const] : [])
        scene.service.answer(session, frame, outcome);
    });
    return true;
  };
  const sending = ["1", "2", "3", "4", "5"].map((text) => bob.client.send("#Team", text));
  await scene.until(() => held.length === 5);
  await scene.change(alice, "add", "carol");
  for (const answer of held) answer();
  const more = bob.client.send("#Team", "6");
  const all = await scene.done(Promise.all([...sending, more]));
  t.equal(new Set(all.map(({ id }) => id)).size, 6);
  t.ok(all.every(({ recipients }) => recipients === 2));
  await scene.until(() => carol.received.length === 6 && alice.received.length === 6);
  t.same(
    texts(alice),
    ["1", "2", "3", "4", "5", "6"].map((text) => `bob: ${text}`),
  );
  t.same(texts(carol), texts(alice));
  await scene.quiet();
  t.same(await scene.history(bob), [
    "* alice made the group with bob",
    CALLED,
    "* alice added carol",
    ...texts(alice),
  ]);
  await scene.close();
});

t.test("who was removed can neither write nor read, keeps what was, and is told", async (t) => {
  const scene = await Scene.open();
  const [alice, bob, carol] = await scene.everybody();
  await scene.create(alice, "Team", "bob", "carol");
  await scene.until(() => bob.received.length === 1);
  await scene.change(alice, "remove", "bob");
  await scene.until(() => bob.notices.length === 2);
  t.equal(bob.notices[1]?.text, "alice removed bob");
  await t.rejects(scene.done(bob.client.send("#Team", "still here?")), {
    code: "forbidden",
    message: /not in #Team any more/,
  });
  await scene.done(alice.client.send("#Team", "without bob"));
  await scene.until(() => texts(carol).includes("alice: without bob"));
  await scene.quiet();
  const [group] = await scene.done(bob.client.groups.list(true));
  t.match(group, { title: "Team", isMember: false });
  t.same(await scene.done(bob.client.groups.list(false)), []);
  t.same(await scene.history(bob), [MADE, CALLED, "* alice removed bob"]);
  t.notOk(scene.service.sends.at(-1)?.keys.some(({ recipient }) => recipient === bob.client.me.account));
  await scene.close();
});

t.test("a message that is on the way when its sender is removed is refused as that", async (t) => {
  const scene = await Scene.open();
  const [alice, bob] = await scene.everybody();
  await scene.create(alice, "Team", "bob", "carol");
  await scene.until(() => bob.received.length === 1);
  scene.service.tellsOfGroups = false;
  await scene.change(alice, "remove", "bob");
  await t.rejects(scene.done(bob.client.send("#Team", "too late")), { code: "forbidden", message: /#Team/ });
  await scene.done(bob.client.send("alice", "a word between us goes on"));
  await scene.until(() => alice.received.length === 1);
  await scene.close();
});

t.test("of two admins who act at once both have their way, one after the other", async (t) => {
  const scene = await Scene.open();
  const [alice, bob, carol] = await scene.everybody();
  await scene.create(alice, "Team", "bob");
  await scene.change(alice, "promote", "bob");
  await scene.until(() => bob.notices.length === 2);
  scene.service.tellsOfGroups = false;
  const [one, other] = await scene.done(
    Promise.all([
      alice.client.groups.change("Team", "demote", ["bob" as UserName]),
      bob.client.groups.change("Team", "add", ["carol" as UserName]).catch((error: unknown) => error),
    ]),
  );
  t.match(one.members, [{ name: "alice" }, { name: "bob", admin: false }]);
  if (other instanceof Error) {
    t.match(other, { code: "forbidden" }, "he was no admin any more");
  } else {
    await scene.until(() => carol.notices.length === 1);
    t.equal((await scene.done(alice.client.groups.info("Team"))).members.length, 3);
  }
  const again = await scene.done(
    Promise.all([
      alice.client.groups.change("Team", "promote", ["bob" as UserName]),
      alice.client.groups.rename("Team", "Squad"),
    ]),
  );
  t.equal(again[1].title, "Squad");
  await scene.close();
});

t.test("another device has the group from the archive, with its log, though nobody shows it", async (t) => {
  const scene = await Scene.open();
  const [alice, bob, carol] = await scene.everybody();
  const { id } = await scene.create(alice, "Team", "bob", "carol");
  await scene.until(() => bob.received.length === 1 && carol.received.length === 1);
  await scene.quiet();
  await scene.change(alice, "promote", "carol");
  await scene.until(() => carol.notices.length === 2);
  await scene.done(carol.client.groups.rename("Team", "Crew"));
  await scene.done(alice.client.send("#Crew", "hello"));
  await scene.until(() => texts(bob).includes("alice: hello"));
  await scene.quiet();
  scene.service.onGroupRequest = () => ({ type: "refused", code: "unavailable", message: "Not now." });
  const second = await scene.silent(await scene.device("bob"));
  const { chats } = await scene.done(second.client.chats());
  t.match(chats, [{ with: "#Crew" }], "by its title, before anything else was asked");
  t.match(await scene.done(second.client.groups.list(false)), [
    {
      id,
      title: "Crew",
      epoch: 2,
      members: [{ name: "alice", admin: true }, { name: "bob" }, { name: "carol", admin: true }],
    },
  ]);
  t.same(lines(await scene.done(second.client.history({ with: "#crew" }))), [
    MADE,
    CALLED,
    "* alice made carol admin",
    'carol: (the group is called "Crew")',
    "alice: hello",
  ]);
  await scene.done(second.client.send("#Crew", "from the new device"));
  await scene.until(() => alice.received.some(({ text }) => text === "from the new device"));
  await scene.until(() => bob.sent.some(({ to, text }) => to === "#Crew" && text === "from the new device"));
  const third = await scene.listening("bob");
  await scene.done(alice.client.send("#Crew", "to a device that only listens"));
  await scene.until(() => texts(third).includes("alice: to a device that only listens"));
  t.same([third.alarms, second.alarms], [[], []]);
  await scene.close();
});

t.test("what was learned while the archive was away is archived by the next start", async (t) => {
  const scene = await Scene.open();
  const [alice, bob] = await scene.everybody();
  await scene.done(bob.client.history());
  scene.service.archive.away = true;
  scene.service.archive.cut();
  const creating = alice.client.groups.create("Team", ["bob" as UserName]);
  await scene.until(() => bob.notices.length === 1);
  const restarted = bob.process.restart();
  scene.service.archive.away = false;
  await scene.done(creating);
  const again = await scene.silent(restarted);
  t.match(await scene.done(again.client.groups.list(false)), [{ epoch: 1 }]);
  const second = await scene.silent(await scene.device("bob"));
  const chat = () => scene.done(second.client.history({ limit: 500 }));
  while (!lines(await chat()).includes("* alice made the group with bob"));
  t.match(await scene.done(second.client.groups.list(false)), [{ epoch: 1 }]);
  await scene.close();
});

t.test("titles and names that are none are refused before anything is done", async (t) => {
  const scene = await Scene.open();
  const [alice, bob, carol] = await scene.everybody();
  const { groups } = alice.client;
  for (const title of ["", " x", "x\ny", "#x", "x".repeat(513)]) {
    await t.rejects(scene.done(groups.create(title, ["bob" as UserName])), { code: "badRequest" }, title);
  }
  await t.rejects(scene.done(groups.create("Team", ["nobody" as UserName])), { code: "noSuchAccount" });
  t.same(await scene.done(groups.list(true)), []);
  await scene.create(alice, "Team", "bob");
  await scene.until(() => bob.received.length === 1);
  const wrong = [
    [
      () => groups.change("Team", "add", ["bob" as UserName]),
      { code: "forbidden", message: /"bob" is in #Team already/ },
    ],
    [
      () => groups.change("Team", "remove", ["carol" as UserName]),
      { code: "forbidden", message: /"carol" is not in #Team/ },
    ],
    [
      () => groups.change("Team", "promote", ["alice" as UserName]),
      { code: "forbidden", message: /already/ },
    ],
    [() => groups.change("Team", "demote", ["alice" as UserName]), { code: "forbidden", message: /admin/ }],
    [
      () => bob.client.groups.change("Team", "add", ["carol" as UserName]),
      { code: "forbidden", message: /admins/ },
    ],
    [() => bob.client.groups.rename("Team", "Mine"), { code: "forbidden" }],
    [() => groups.info("Nothing"), { code: "noSuchGroup" }],
    [() => carol.client.send("#Team", "x"), { code: "noSuchGroup" }],
  ] as const;
  for (const [act, error] of wrong) await t.rejects(scene.done<unknown>(act()), error);
  t.equal((await scene.done(groups.info("Team"))).epoch, 1, "the log is as it was");
  await scene.quiet();
  const sent = scene.service.sends.length;
  const hellos = scene.service.hellos.length;
  scene.service.cut();
  await scene.until(() => scene.service.hellos.length === hellos + 3);
  await turns(300);
  t.equal(scene.service.sends.length, sent, "and nobody is told a title for the sake of who was not let in");
  await scene.create(alice, "Team", "carol");
  await t.rejects(scene.done(alice.client.send("#Team", "to whom?")), {
    code: "badRequest",
    message: /Several groups/,
  });
  await scene.close();
});

t.test("the last admin's leaving passes the group on, and everybody may leave", async (t) => {
  const scene = await Scene.open();
  const [alice, bob, carol] = await scene.everybody();
  await scene.create(alice, "Team", "bob", "carol");
  await scene.until(() => carol.received.length === 1);
  t.match(await scene.done(alice.client.groups.leave("Team")), { isMember: false });
  await scene.until(() => bob.notices.length === 2);
  t.match(await scene.done(bob.client.groups.info("Team")), { isAdmin: true });
  await scene.done(carol.client.groups.leave("Team"));
  await t.rejects(scene.done(bob.client.send("#Team", "alone")), {
    code: "badRequest",
    message: /Nobody else/,
  });
  await scene.done(bob.client.groups.leave("Team"));
  await scene.close();
});

t.test("a process that was killed after its event was taken has it when it starts again", async (t) => {
  const scene = await Scene.open();
  const [alice, bob] = await scene.everybody();
  await scene.create(alice, "Team", "bob");
  await scene.until(() => bob.received.length === 1);
  scene.service.onGroupRequest = (account, request) => {
    if (request.type !== "groupAppend") return null;
    // It is taken, and the answer is lost with the process.
    void scene.service.registry.append(request.group, account, request.event);
    return { type: "refused", code: "unavailable", message: "lost" };
  };
  await t.rejects(scene.done(alice.client.groups.change("Team", "promote", ["bob" as UserName])));
  scene.service.onGroupRequest = () => null;
  const again = await resume(alice.process.restart());
  t.match(await scene.done(again.groups.info("Team")), {
    epoch: 2,
    members: [{}, { name: "bob", admin: true }],
  });
  await inTime(scene.service, again.close());
  await scene.close();
});

t.test("who was let in right before a crash is told the title once the admin is back", async (t) => {
  const scene = await Scene.open();
  const [alice, bob, carol] = await scene.everybody();
  await scene.create(alice, "Team", "bob");
  await scene.until(() => bob.received.length === 1);
  await scene.quiet();
  // The change is taken, and nothing more of Alice's.
  scene.service.onSend = (session) => session.account === alice.client.me.account;
  void alice.client.groups.change("Team", "add", ["carol" as UserName]).catch(() => undefined);
  await scene.until(() => carol.notices.length === 2);
  t.equal(carol.notices[1]?.group.title, "", "she is in, and does not know in what");
  const process = alice.process.restart();
  // What the dead process had in its outbox is lost with its disk's last write.
  for (const name of [...process.storage.files.keys()]) {
    if (name.startsWith("outbox-")) process.storage.files.delete(name);
  }
  scene.service.onSend = () => false;
  const before = scene.service.sends.length;
  await scene.listening("alice", process);
  await scene.until(() => scene.service.sends.length > before);
  await scene.quiet();
  t.match(await scene.done(carol.client.groups.list(false)), [{ title: "Team" }]);
  t.same(texts(bob), [CALLED], "those who knew it are not told again");
  await scene.close();
});

t.test("a title that is told once more is nobody's newest line, and hides no chat", async (t) => {
  const scene = await Scene.open();
  const [alice, bob, carol] = await scene.everybody();
  await scene.create(alice, "Team", "bob");
  await scene.change(alice, "add", "carol");
  await scene.until(() => bob.notices.length === 2 && carol.notices.length === 2);
  await scene.quiet();
  for (const screen of [alice, bob]) {
    const { chats } = await scene.done(screen.client.chats());
    t.match(chats, [{ with: "#Team", newest: { text: "alice added carol", direction: "changed" } }]);
  }
  await scene.close();
});

t.test("a message that came by an old membership unjudged, and then anew, keeps its place", async (t) => {
  const scene = await Scene.open();
  const [alice, bob, carol] = await scene.everybody();
  await scene.create(alice, "Team", "bob");
  await scene.until(() => bob.received.length === 1);
  await scene.quiet();
  await scene.done(bob.client.close());
  // On a new device nobody's card is at hand.
  const late = await scene.listening("bob");
  const { account } = late.client.me;
  await scene.until(() => [...scene.service.sessions].some((session) => session.account === account));
  scene.service.balancerAway = true;
  const held: (() => void)[] = [];
  scene.service.onSend = (session, frame) => {
    if (session.account !== alice.client.me.account) return false;
    // It reaches its recipients, and its sender hears that the membership is an old one.
    for (const { recipient, key } of frame.keys) {
      const single = { ...frame, keys: [{ recipient, key }] };
      scene.service.mailbox(recipient).push(single);
      for (const other of scene.service.sessions) if (other.account === recipient) other.deliver(single);
    }
    held.push(() => scene.service.answer(session, frame, 19));
    return true;
  };
  const first = alice.client.send("#Team", "first");
  await scene.until(() => held.length === 1 && scene.service.mailbox(account).length === 0);
  t.same(texts(late), [], "it cannot be judged");
  scene.service.balancerAway = false;
  await scene.until(() => late.received.length === 1);
  const second = alice.client.send("#Team", "second");
  await scene.until(() => held.length === 2 && late.received.length === 2);
  scene.service.onSend = () => false;
  // Its title waits behind what is on the way.
  const changing = alice.client.groups.change("Team", "add", ["carol" as UserName]);
  await scene.until(() => carol.notices.length > 0);
  for (const answer of held) answer();
  await scene.done(Promise.all([first, second, changing]));
  await scene.until(() => scene.service.mailbox(account).length === 0);
  t.same(texts(late), ["alice: first", "alice: second"]);
  const lines_ = (await scene.history(late)).filter((line) => !line.startsWith("*") && line !== CALLED);
  t.same(lines_, ["alice: first", "alice: second"]);
  await scene.close();
});
