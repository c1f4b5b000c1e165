/** An archive that lies, and how its owner's devices find out (PROTOCOL.md, "Checkpoints"). */
import t, { type Test } from "tap";
import type { Client } from "../../../src/client/core/client.js";
import type { ConnectionStatus } from "../../../src/client/core/messages.js";
import { inTime, resume, signedIn, turns, twoPeople, type Process } from "./device.js";
import { Service } from "./service.js";

/** Alice, who wrote ten messages to bob and three to herself, and whose device has compared her archive. */
async function alicesArchive() {
  const service = new Service();
  const { alice: person, bob, onAlices, onBobs } = await twoPeople(service);
  const bobs = await resume(onBobs);
  const alarms: string[] = [];
  const onStatus = (status: ConnectionStatus): void => {
    if (status.kind === "archiveAltered") alarms.push(status.alarm.kind);
  };
  const alice = await resume(onAlices, { onStatus });
  for (let index = 0; index < 10; index++) {
    await inTime(service, alice.send("bob", `to bob ${index}`));
    if (index % 4 === 0) await inTime(service, alice.send("alice", `note ${index}`));
  }
  const archive = service.archive.archives.get(person.contents.archive.id);
  if (archive === undefined) throw new Error("there is no archive");
  await inTime(service, () => archive.entries.length === 14);
  const check = (client: Client = alice) => inTime(service, client.checkArchive());
  /** Another device, which knows the password and nothing else. */
  const fresh = async (): Promise<Client> => resume(await signedIn(service, person, "alice"));
  return { service, person, bob, bobs, alice, onAlices, archive, alarms, check, fresh };
}

type Scene = Awaited<ReturnType<typeof alicesArchive>>;

/** What somebody does to the archive, and what it then has instead. */
function renumber({ archive }: Scene): void {
  archive.entries.forEach((entry, index) => {
    archive.entries[index] = { ...entry, counter: index + 1 };
  });
}

async function closeAll(service: Service, ...clients: readonly Client[]): Promise<void> {
  for (const client of clients) await inTime(service, client.close());
}

t.test("an honest archive is found whole, by every device, as it grows", async (t) => {
  const scene = await alicesArchive();
  const { service, alice, check, fresh, archive, alarms } = scene;
  t.same(await check(), { counter: 14, alarm: null });
  t.equal(archive.checkpoint?.version, 1);
  t.ok(service.checkpoints.size === 1, "and a copy is with the service");
  t.same(await check(), { counter: 14, alarm: null });
  t.equal(archive.checkpoint?.version, 1, "where nothing is new nothing is written");
  const other = await fresh();
  t.same(await check(other), { counter: 14, alarm: null });
  await inTime(service, other.send("bob", "from the other one"));
  await inTime(service, () => archive.entries.length === 15);
  t.same(await check(other), { counter: 15, alarm: null });
  t.same(await check(), { counter: 15, alarm: null });
  t.same(alarms, []);
  await closeAll(service, alice, other);
});

/** Each move, what it does, and what the device that has compared before and a fresh one say. */
const MOVES: readonly {
  readonly what: string;
  readonly move: (scene: Scene) => void;
  readonly known: string | null;
  readonly fresh: string | null;
}[] = [
  {
    what: "cut short",
    move: ({ archive }) => void archive.entries.splice(-3),
    known: "cut",
    fresh: "cut",
  },
  {
    what: "emptied",
    move: ({ archive }) => void archive.entries.splice(0),
    known: "cut",
    fresh: "cut",
  },
  {
    what: "with one dropped and the others moved up",
    move: (scene) => {
      scene.archive.entries.splice(5, 1);
      renumber(scene);
    },
    known: "cut",
    fresh: "cut",
  },
  {
    what: "with one dropped and something else put at the end",
    move: (scene) => {
      const [dropped] = scene.archive.entries.splice(5, 1);
      if (dropped !== undefined)
        scene.archive.entries.push({ ...dropped, entry: new Uint8Array(32).fill(9) });
      renumber(scene);
    },
    known: "altered",
    fresh: "altered",
  },
  {
    what: "with two exchanged",
    move: (scene) => {
      const { entries } = scene.archive;
      const [one, other] = [entries[4], entries[12]];
      if (one === undefined || other === undefined) throw new Error("too few entries");
      [entries[4], entries[12]] = [other, one];
      renumber(scene);
    },
    known: null,
    fresh: "altered",
  },
  {
    what: "with one in another chat",
    move: ({ archive }) => {
      const [one, other] = [
        archive.entries[1],
        archive.entries.find(({ chat }) => chat[0] !== archive.entries[1]?.chat[0]),
      ];
      if (one === undefined || other === undefined) throw new Error("too few chats");
      archive.entries[1] = { ...one, chat: other.chat };
    },
    known: null,
    fresh: "altered",
  },
  {
    what: "with one repeated at the end",
    move: (scene) => {
      const copy = scene.archive.entries[6];
      if (copy !== undefined) scene.archive.entries.push(copy);
      renumber(scene);
    },
    known: "altered",
    fresh: "altered",
  },
  {
    what: "with a forged checkpoint",
    move: ({ archive }) => {
      archive.checkpoint = { version: 9, sealed: new Uint8Array(120).fill(7) };
    },
    known: "forged",
    fresh: "forged",
  },
];

for (const { what, move, known, fresh } of MOVES) {
  t.test(`an archive ${what}`, async (t) => {
    const scene = await alicesArchive();
    const { service, alice, check, alarms } = scene;
    await check();
    move(scene);
    const other = await scene.fresh();
    t.equal((await check())?.alarm?.kind ?? null, known, "the device that has compared before");
    t.equal((await check(other))?.alarm?.kind ?? null, fresh, "one that comes new");
    t.same(alarms, known === null ? [] : [known], "told once");
    const whole = await inTime(service, alice.checkArchive({ whole: true }));
    t.equal(whole?.alarm?.kind ?? null, fresh, "and where it compares everything");
    await showsNothingWrong(t, scene, alice);
    await closeAll(service, alice, other);
  });
}

/** Whatever the archive does, what a device that compared before shows as genuine stands where it stood. */
async function showsNothingWrong(t: Test, { service }: Scene, client: Client): Promise<void> {
  const history = (await inTime(service, client.history({ limit: 500 }))) ?? [];
  const shown = history.filter(({ direction }) => direction === "sent").map(({ text }) => text);
  const told = Array.from({ length: 10 }, (_, index) =>
    index % 4 === 0 ? [`to bob ${index}`, `note ${index}`] : [`to bob ${index}`],
  ).flat();
  t.same(
    shown,
    told.filter((text) => shown.includes(text)),
    "in order, each once",
  );
}

t.test("an archive set back with its checkpoint is found out by the service's copy", async (t) => {
  const scene = await alicesArchive();
  const { service, alice, check, archive } = scene;
  await check();
  const [entries, checkpoint] = [[...archive.entries], archive.checkpoint];
  await inTime(service, alice.send("bob", "forgotten"));
  await inTime(service, () => archive.entries.length === 15);
  await check();
  archive.entries.splice(0, Infinity, ...entries);
  archive.checkpoint = checkpoint;
  const other = await scene.fresh();
  t.match(await check(), { alarm: { kind: "older", kept: "archive" } });
  t.match(await check(other), { alarm: { kind: "cut", counter: 14, seen: 15 } });
  await closeAll(service, alice, other);
});

t.test(
  "what is withheld from a conversation is shown as missing, what was exchanged as invalid",
  async (t) => {
    const scene = await alicesArchive();
    const { service, alice, archive, check } = scene;
    await check();
    const hidden = archive.entries[5];
    const other = archive.entries[8];
    if (hidden === undefined || other === undefined) throw new Error("too few entries");
    service.archive.hidden.add(hidden.counter);
    archive.entries[8] = { ...other, sealed: other.sealed.map((byte) => byte ^ 1) };
    const history = (await inTime(service, alice.history({ limit: 500 }))) ?? [];
    t.same(
      history
        .filter(({ direction }) => direction !== "sent")
        .map(({ counter, direction }) => [counter, direction]),
      [
        [hidden.counter, "missing"],
        [other.counter, "invalid"],
      ],
    );
    const whole: (readonly [number, string])[] = [];
    const read = async (): Promise<void> => {
      for await (const page of alice.wholeHistory()) {
        whole.push(...page.map(({ counter, direction }) => [counter, direction] as const));
      }
    };
    await inTime(service, read());
    t.same(
      whole,
      history.map(({ counter, direction }) => [counter, direction]),
      "likewise from the beginning",
    );
    const withBob = (await inTime(service, alice.history({ with: "bob", limit: 500 }))) ?? [];
    t.equal(withBob.length, 10, "all of the conversation, and nothing of the others");
    t.match(
      withBob.filter(({ direction }) => direction === "missing").map(({ counter }) => counter),
      [hidden.counter],
    );
    await closeAll(service, alice);
  },
);

t.test("a loss that is accepted is none from then on", async (t) => {
  const scene = await alicesArchive();
  const { service, alice, check, archive } = scene;
  await check();
  archive.entries.splice(-2);
  t.match(await check(), { alarm: { kind: "cut" } });
  t.same(await inTime(service, alice.checkArchive({ accept: true })), { counter: 12, alarm: null });
  t.same(await check(), { counter: 12, alarm: null });
  const other = await scene.fresh();
  t.same(await check(other), { counter: 12, alarm: null });
  await closeAll(service, alice, other);
});

t.test("an entry of another chat is no part of a conversation, even one that is known", async (t) => {
  const scene = await alicesArchive();
  const { service, alice, archive, check } = scene;
  await check();
  // Whatever chat is asked for, all stand in it.
  service.archive.mixed = true;
  const withBob = (await inTime(service, alice.history({ with: "bob", limit: 500 }))) ?? [];
  t.same(
    withBob.filter(({ text }) => text.startsWith("note")),
    [],
  );
  t.equal(withBob.filter(({ direction }) => direction === "invalid").length, archive.entries.length - 10);
  await closeAll(service, alice);
});

t.test("an old entry that is added again is shown to nobody as new", async (t) => {
  const scene = await alicesArchive();
  const { service, alice, archive, check, fresh } = scene;
  const other = await fresh();
  await inTime(service, scene.bobs.send("alice", "once"));
  const taken: string[] = [];
  const taking = await other.listen({ onMessage: ({ text }) => void taken.push(text) });
  await inTime(service, () => taken.includes("once") && archive.entries.length === 15);
  await inTime(service, () => [...service.mailbox(scene.person.account)].length === 0);
  await inTime(service, taking.stop());
  await inTime(service, other.close());
  await check();
  await inTime(service, alice.close());
  const again = await resume(scene.onAlices.restart());
  const shown: string[] = [];
  const listening = await again.listen({ onMessage: ({ text }) => void shown.push(text) });
  await inTime(service, () => archive.followers.size === 1);
  const copy = archive.entries.at(-1);
  if (copy === undefined) throw new Error("there are no entries");
  archive.entries.push({ ...copy, counter: copy.counter + 1 });
  for (const wake of [...archive.followers.values()]) wake();
  await inTime(service, again.send("bob", "behind it"));
  await inTime(service, () => archive.entries.length === 17);
  await turns(200);
  t.same(shown, []);
  await inTime(service, listening.stop());
  await closeAll(service, again);
});

t.test("what was read on the way is not read again by the next one", async (t) => {
  const scene = await alicesArchive();
  const { service, alice, archive, onAlices, check } = scene;
  const chat = archive.entries[0]?.chat ?? new Uint8Array(32);
  while (archive.entries.length < 6_000) {
    const counter = archive.entries.length + 1;
    const entry = new Uint8Array(32).fill(7);
    new DataView(entry.buffer).setUint32(0, counter);
    archive.entries.push({ counter, chat, entry, sealed: new Uint8Array(100) });
  }
  // It ends with the first request behind the fifth thousand.
  service.archive.onDigests = (after) => after < 5_000;
  const cut = t.rejects(alice.checkArchive(), { code: "unavailable" });
  await inTime(service, () => service.archive.refusedDigests > 0);
  await inTime(service, alice.close());
  await cut;
  service.archive.onDigests = () => true;
  const asked = service.archive.digestReads.length;
  const again = await resume(onAlices.restart());
  t.same(await check(again), { counter: 6_000, alarm: null });
  t.equal(service.archive.digestReads[asked], 4_999, "the last that is known is compared");
  t.equal(service.archive.digestReads[asked + 1], 5_000, "and the rest is read");
  await closeAll(service, again);
});

t.test("to accept replaces the checkpoints in both places, or says that it did not", async (t) => {
  const scene = await alicesArchive();
  const { service, alice, archive, check } = scene;
  const accept = () => inTime(service, alice.checkArchive({ accept: true }));
  await check();
  archive.entries.splice(-2);
  service.balancerAway = true;
  await t.rejects(accept(), { code: "unreachable" });
  service.balancerAway = false;
  t.match(await check(), { alarm: { kind: "cut" } }, "nothing was accepted");
  archive.entries.splice(0);
  t.same(await accept(), { counter: 0, alarm: null });
  t.same(await check(), { counter: 0, alarm: null }, "an archive without entries, too");
  await closeAll(service, alice);
});

t.test("an entry that stands there twice is not accepted", async (t) => {
  const scene = await alicesArchive();
  const { service, alice, archive, check } = scene;
  await check();
  const [copy] = archive.entries;
  if (copy !== undefined) archive.entries.push(copy);
  renumber(scene);
  const left = archive.checkpoint;
  t.match(await inTime(service, alice.checkArchive({ accept: true })), {
    alarm: { kind: "altered", counter: 15 },
  });
  t.equal(archive.checkpoint, left, "no checkpoint says that it is well");
  t.match(await check(), { alarm: { kind: "altered" } });
  await closeAll(service, alice);
});

t.test("the service being away leaves the archive's own checkpoint", async (t) => {
  const scene = await alicesArchive();
  const { service, alice, check, archive } = scene;
  service.balancerAway = true;
  t.same(await check(), { counter: 14, alarm: null });
  t.equal(archive.checkpoint?.version, 1);
  service.balancerAway = false;
  t.same(await check(), { counter: 14, alarm: null });
  t.equal(service.checkpoints.size, 1, "the copy follows");
  await closeAll(service, alice);
});

t.test("a device that is killed while it reads begins where it was, or anew", async (t) => {
  const scene = await alicesArchive();
  const { service, check, onAlices, alice } = scene;
  await check();
  await inTime(service, alice.close());
  const damaged: Process = onAlices.restart();
  const name = [...damaged.storage.files.keys()].find((file) => file.startsWith("ledger-"));
  if (name === undefined) throw new Error("there is no segment");
  damaged.storage.files.delete(name);
  const again = await resume(damaged);
  t.same(await check(again), { counter: 14, alarm: null }, "what is damaged is read again");
  await closeAll(service, again);
});
