/** The connection to the personal archive (PROTOCOL.md, "Archive"). */
import { randomBytes } from "node:crypto";
import t from "tap";
import { Archive, type Appended, type NewEntry } from "../../../src/client/core/archive.js";
import type { ConnectionStatus } from "../../../src/client/core/messages.js";
import { newVaultContents, type ArchiveSecrets } from "../../../src/crypto/vault-contents.js";
import { fromHex } from "../../../src/protocol/bytes.js";
import { IDLE_MS } from "./archive-service.js";
import { inTime, Process, until } from "./device.js";
import { ARCHIVE, Service, turn } from "./service.js";

interface Setting {
  readonly service: Service;
  readonly archive: Archive;
  readonly secrets: ArchiveSecrets;
  readonly statuses: ConnectionStatus[];
  /** What the client asked the balancer for. */
  readonly asked: string[];
  made: boolean;
}

function setting(options: Partial<ArchiveSecrets & { made: boolean }> = {}): Setting {
  const service = new Service();
  const secrets = { ...newVaultContents(new Uint8Array()).archive, ...options };
  const { ports } = new Process(service);
  const asked: string[] = [];
  const statuses: ConnectionStatus[] = [];
  const access = {
    locate: () => {
      asked.push("where");
      return Promise.resolve(ARCHIVE);
    },
    lost: () => void asked.push("lost"),
    voucher: () => {
      asked.push("voucher");
      const voucher = new Uint8Array(randomBytes(24));
      service.archive.vouchers.add(Buffer.from(voucher).toString("hex"));
      return Promise.resolve(voucher);
    },
    made: options.made ?? false,
    onMade: () => {
      made.made = true;
      return Promise.resolve();
    },
    onStatus: (status: ConnectionStatus) => void statuses.push(status),
  };
  const archive = new Archive(ports, access, secrets);
  const made: Setting = { service, archive, secrets, statuses, asked, made: false };
  return made;
}

function entry(number: number, bytes = 10): NewEntry {
  const tag = fromHex(number.toString(16).padStart(64, "0")) as Uint8Array;
  return { chat: new Uint8Array(32), entry: tag, sealed: new Uint8Array(bytes).fill(1) };
}

const numbersIn = ({ service, secrets }: Setting): number[] =>
  service.archive.entriesOf(secrets.id).map(({ entry }) => Number(`0x${Buffer.from(entry).toString("hex")}`));

t.test("the first append makes the archive by a voucher, and that is remembered", async (t) => {
  const one = setting();
  t.strictSame(await one.archive.append(entry(1)), { counter: 1, had: false });
  t.strictSame(one.asked, ["where", "voucher"]);
  t.ok(one.made);
  t.strictSame(await one.archive.append(entry(1)), { counter: 1, had: true });
  one.archive.close();
});

t.test("one that exists is opened, by the next token as well while one is being replaced", async (t) => {
  const one = setting();
  await one.archive.append(entry(1));
  one.archive.close();
  const kept = one.service.archive.archives.get(one.secrets.id);
  if (kept === undefined) throw new Error("the archive was not made");
  const two = setting({
    ...one.secrets,
    token: new Uint8Array(32),
    nextToken: one.secrets.token,
    made: true,
  });
  two.service.archive.archives.set(one.secrets.id, kept);
  t.strictSame(await two.archive.append(entry(1)), { counter: 1, had: true });
  t.notOk(two.asked.includes("voucher"));
  two.archive.close();
});

t.test("a voucher that may not have been used is tried again, one that was refused is not", async (t) => {
  for (const [code, vouchers] of [
    ["unavailable", 1],
    ["badVoucher", 2],
  ] as const) {
    const one = setting();
    one.service.archive.refuse.set("create", { code, message: "not now" });
    const appending = one.archive.append(entry(1));
    await inTime(one.service, () => one.statuses.length > 0);
    one.service.archive.refuse.clear();
    t.strictSame(await inTime(one.service, appending), { counter: 1, had: false });
    t.equal(one.asked.filter((what) => what === "voucher").length, vouchers, code);
    one.archive.close();
  }
});

t.test("one that was there and is gone is not made anew", async (t) => {
  const one = setting({ made: true });
  await t.rejects(one.archive.append(entry(1)), { code: "noSuchArchive", message: /log in again/ });
  await t.rejects(one.archive.append(entry(2)), { code: "noSuchArchive" });
  await t.rejects(one.archive.read({ type: "before", limit: 1 }), { code: "noSuchArchive" });
  t.ok(one.archive.away);
  t.notOk(one.asked.includes("voucher"));
});

t.test("appends go one batch at a time, in order; what comes meanwhile waits for the next", async (t) => {
  const one = setting();
  await one.archive.append(entry(0));
  one.service.archive.silent = true;
  const results = Promise.all(
    Array.from({ length: 1200 }, (_, index) => one.archive.append(entry(index + 1))),
  );
  for (let turns = 0; turns < 10; turns++) await turn();
  t.strictSame(one.service.archive.batches, [1], "nothing more leaves before the answer");
  one.service.archive.speak();
  const counters = (await results).map(({ counter }) => counter);
  t.strictSame(
    counters,
    counters.map((_, index) => index + 2),
  );
  t.strictSame(one.service.archive.batches, [1, 1, 500, 500, 199]);
  one.archive.close();
});

t.test("a batch is bounded in bytes too", async (t) => {
  const one = setting();
  await one.archive.append(entry(0));
  await Promise.all([1, 2, 3, 4, 5, 6].map((number) => one.archive.append(entry(number, 400_000))));
  t.ok(Math.max(...one.service.archive.batches) <= 2);
  t.strictSame(numbersIn(one), [0, 1, 2, 3, 4, 5, 6]);
  one.archive.close();
});

t.test(
  "whenever the connection breaks off, what was not answered goes again, and stands there once",
  async (t) => {
    for (const when of ["before", "after"] as const) {
      for (let nth = 1; nth <= 4; nth++) {
        const one = setting();
        let seen = 0;
        one.service.archive.onAppend = (now) => now === when && ++seen === nth;
        const results: Appended[] = [];
        for (let number = 1; number <= 6; number++) {
          void one.archive.append(entry(number)).then((result) => results.push(result));
          await turn();
        }
        await inTime(one.service, () => results.length === 6);
        t.strictSame(numbersIn(one), [1, 2, 3, 4, 5, 6], `${when}, ${nth}`);
        t.strictSame(
          results.map(({ counter }) => counter),
          [1, 2, 3, 4, 5, 6],
        );
        one.archive.close();
      }
    }
  },
);

t.test("an archive that says nothing is given up, and asked again", async (t) => {
  const one = setting();
  await one.archive.append(entry(1));
  one.service.archive.silent = true;
  let done = false;
  const appending = one.archive.append(entry(2)).then(() => {
    done = true;
  });
  await inTime(one.service, () => one.asked.filter((asked) => asked === "where").length > 1);
  t.notOk(done);
  one.service.archive.silent = false;
  await inTime(one.service, appending);
  t.strictSame(numbersIn(one), [1, 2]);
  one.archive.close();
});

t.test("a quiet connection is asked whether it lives", async (t) => {
  const one = setting();
  await one.archive.append(entry(1));
  one.service.archive.silent = true;
  // Nothing is asked for; half-open connections are found all the same.
  await inTime(one.service, () => one.statuses.some((status) => status.kind === "archive" && !status.online));
  one.service.archive.silent = false;
  await inTime(one.service, () => !one.archive.away);
  t.equal(one.asked.filter((asked) => asked === "where").length, 2);
  one.archive.close();
});

t.test("what is refused for the moment is tried again, what is refused for its form is not", async (t) => {
  const one = setting();
  await one.archive.append(entry(1));
  one.service.archive.refuse.set("append", { code: "quotaExceeded", message: "full" });
  const waiting = one.archive.append(entry(2));
  await inTime(one.service, () =>
    one.statuses.some((status) => status.kind === "archive" && status.error !== null),
  );
  one.service.archive.refuse.delete("append");
  t.strictSame(await inTime(one.service, waiting), { counter: 2, had: false });

  one.service.archive.refuse.set("append", { code: "tooLarge", message: "too large" });
  const refused = await Promise.allSettled([3, 4].map((number) => one.archive.append(entry(number))));
  t.match(refused, [{ reason: { code: "tooLarge" } }, { reason: { code: "tooLarge" } }]);
  one.service.archive.refuse.delete("append");
  t.strictSame(await one.archive.append(entry(5)), { counter: 3, had: false });
  one.archive.close();
});

t.test(
  "reads wait for an archive that is away, but not for ever, and survive a lost connection",
  async (t) => {
    const one = setting();
    await one.archive.append(entry(1));
    one.service.archive.leave();
    const given = one.archive.read({ type: "before", limit: 10 });
    await inTime(one.service, t.rejects(given, { code: "unreachable" }));
    const waiting = one.archive.read({ type: "before", limit: 10 });
    one.service.archive.away = false;
    t.equal((await inTime(one.service, waiting))?.entries.length, 1);

    one.service.archive.silent = true;
    const interrupted = one.archive.read({ type: "after", after: 0, limit: 10 });
    await until(() => true);
    one.service.archive.cut();
    one.service.archive.silent = false;
    t.equal((await inTime(one.service, interrupted))?.entries.length, 1);
    one.archive.close();
  },
);

t.test("what the archive answers to a read is what its caller gets", async (t) => {
  const one = setting();
  await one.archive.append(entry(1));
  one.service.archive.refuse.set("find", { code: "tooMany", message: "slowly" });
  await t.rejects(one.archive.read({ type: "find", entry: entry(1).entry }), {
    code: "tooMany",
    message: "slowly",
  });
  one.archive.close();
});

t.test("closing rejects what waits, and leaves no timer behind", async (t) => {
  const one = setting();
  one.service.archive.away = true;
  const waiting = [one.archive.append(entry(1)), one.archive.read({ type: "before", limit: 1 })];
  await inTime(one.service, () => one.statuses.length > 1);
  const settled = Promise.allSettled(waiting);
  one.archive.close();
  t.match(await settled, [{ reason: { code: "unavailable" } }, { reason: { code: "unavailable" } }]);
  const before = one.asked.length;
  one.service.clock.advance(120_000);
  await turn();
  t.equal(one.asked.length, before);
});

/** Lets time pass in steps, with what follows from each. */
async function pass({ service }: Setting, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    service.clock.advance(500);
    for (let turns = 0; turns < 4; turns++) await turn();
  }
}

t.test("an archive of which only our half of the connection is left is found by its silence", async (t) => {
  const one = setting();
  await one.archive.append(entry(1));
  one.service.archive.silent = true;
  await pass(one, IDLE_MS - 500);
  t.match(one.statuses.at(-1), { kind: "archive", online: true });
  await pass(one, IDLE_MS / 4 + 500);
  const lost = one.statuses.find((status) => status.kind === "archive" && !status.online);
  t.match(lost, { error: { code: "timeout", message: "The archive fell silent." } });
  one.service.archive.speak();
  const late = one.archive.append(entry(2));
  await inTime(one.service, () => numbersIn(one).length === 2);
  t.match(await late, { had: false });
  one.archive.close();
});

t.test("while an append waits for the archive's database, both sides hear each other", async (t) => {
  const one = setting();
  await one.archive.append(entry(1));
  one.service.archive.slow.add("append");
  const waiting = one.archive.append(entry(2));
  await pass(one, IDLE_MS + 5000);
  t.notOk(
    one.statuses.some((status) => status.kind === "archive" && !status.online),
    "the connection stands",
  );
  one.service.archive.speak();
  t.match(await waiting, { had: false });
  one.archive.close();
});

t.test("a device that slept asks first whether the archive is there", async (t) => {
  const one = setting();
  await one.archive.append(entry(1));
  one.service.clock.sleep(3_600_000);
  await pass(one, IDLE_MS);
  t.notOk(one.statuses.some((status) => status.kind === "archive" && !status.online));
  one.archive.close();
});

t.test(
  "while it is full it is asked again, which is told, and goes on in order when there is room",
  async (t) => {
    const one = setting();
    await one.archive.append(entry(1));
    const full = { code: "quotaExceeded", message: "The archive has no room." };
    one.service.archive.refuse.set("append", full);
    const waiting = [one.archive.append(entry(2)), one.archive.append(entry(3))];
    await pass(one, 60_000);
    const told = () => one.statuses.filter((status) => status.kind === "archive" && status.error !== null);
    t.match(told(), [{ online: true, error: full }]);
    t.ok(told().length > 1, "it was asked again");
    one.service.archive.cut();
    await inTime(one.service, () =>
      one.statuses.some((status) => status.kind === "archive" && !status.online),
    );
    await inTime(one.service, () => {
      const last = one.statuses.at(-1);
      return last?.kind === "archive" && last.online;
    });
    t.match(one.statuses.at(-1), { error: full }, "and a new connection does not mean that there is room");
    one.service.archive.refuse.clear();
    await pass(one, 60_000);
    t.match(await Promise.all(waiting), [{ counter: 2 }, { counter: 3 }]);
    t.match(one.statuses.at(-1), { online: true, error: null });
    one.archive.close();
  },
);
