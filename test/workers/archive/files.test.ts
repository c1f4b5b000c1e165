/** Files: stored by voucher, fetched by whoever knows them (PROTOCOL.md, "Files"). */
import { randomBytes } from "node:crypto";
import t, { type Test } from "tap";
import { MAX_FILE_CHUNKS } from "../../../src/protocol/archive.js";
import { encodeFileVoucherClaims, FILE_VOUCHER_LABEL } from "../../../src/protocol/grants.js";
import { archiveMigrations } from "../../../src/store/migrations/archive.js";
import { sqlFiles } from "../../../src/store/sql-files.js";
import { pgMemEngine } from "../../engines/pg-mem.js";
import { ArchiveRoom } from "./archive-room.js";

const MIB = 1024 * 1024;
const DAY_MS = 86_400_000;

async function roomWithFiles(t: Test, fileStoreMiB = 10) {
  const { db, close } = await pgMemEngine.open(archiveMigrations);
  t.teardown(close);
  const room = new ArchiveRoom({ files: sqlFiles(db), limits: { fileStoreMiB } });
  const voucher = (over: { bytes?: number; expiresAt?: number; label?: string } = {}) => {
    const expiresAt = over.expiresAt ?? room.clock.now() + 60_000;
    const keepUntil = room.clock.now() + DAY_MS;
    return room.voucher({
      label: over.label ?? FILE_VOUCHER_LABEL,
      claims: encodeFileVoucherClaims({
        expiresAt,
        keepUntil,
        nonce: randomBytes(16),
        bytes: over.bytes ?? MIB,
      }),
    });
  };
  return { room, voucher };
}

t.test("a file is stored on one connection and fetched on another's, chunk by chunk", async (t) => {
  const { room, voucher } = await roomWithFiles(t);
  const { client: alice } = await room.opened();
  const { client: bob } = await room.opened();
  const file = randomBytes(16);
  const chunks = [randomBytes(300_000), randomBytes(5)];
  const begin = { type: "beginFile", file, chunks: 2, bytes: 300_005, voucher: voucher() } as const;
  await alice.ask(begin, "done");
  await alice.ask(begin, "done");
  t.equal(await bob.failure({ type: "getChunk", file, number: 0 }), "noSuchFile");
  for (const [number, sealed] of chunks.entries()) {
    await alice.ask({ type: "putChunk", file, number, sealed }, "done");
    await alice.ask({ type: "putChunk", file, number, sealed: randomBytes(1) }, "done");
  }
  for (const [number, sealed] of chunks.entries()) {
    const reply = await bob.ask({ type: "getChunk", file, number }, "chunk");
    t.ok(sealed.equals(reply.sealed));
  }
  t.equal(await bob.failure({ type: "getChunk", file: randomBytes(16), number: 0 }), "noSuchFile");
});

t.test("no voucher but one for files, in time, once, and for as much", async (t) => {
  const { room, voucher } = await roomWithFiles(t);
  const { client } = await room.opened();
  const begin = (paid: Uint8Array, bytes = 1_000) =>
    ({ type: "beginFile", file: randomBytes(16), chunks: 1, bytes, voucher: paid }) as const;
  t.equal(await client.failure(begin(room.voucher())), "badVoucher", "one for an archive");
  t.equal(await client.failure(begin(voucher({ label: "fastchat ticket v1" }))), "badVoucher");
  t.equal(await client.failure(begin(voucher({ expiresAt: room.clock.now() }))), "badVoucher");
  t.equal(await client.failure(begin(randomBytes(90))), "badVoucher");
  t.equal(await client.failure(begin(voucher({ bytes: 999 }))), "tooLarge");
  const paid = voucher();
  await client.ask(begin(paid), "done");
  t.equal(await client.failure(begin(paid)), "badVoucher");
});

t.test("more than was said is refused, and more than there is room for", async (t) => {
  const { room, voucher } = await roomWithFiles(t, 1);
  const { client } = await room.opened();
  const file = randomBytes(16);
  await client.ask({ type: "beginFile", file, chunks: 1, bytes: 1_000, voucher: voucher() }, "done");
  t.equal(
    await client.failure({ type: "putChunk", file, number: 0, sealed: randomBytes(1_001) }),
    "tooLarge",
  );
  t.equal(await client.failure({ type: "putChunk", file, number: 1, sealed: randomBytes(1) }), "tooLarge");
  const another = {
    type: "beginFile",
    file: randomBytes(16),
    chunks: 1,
    bytes: MIB,
    voucher: voucher(),
  } as const;
  t.equal(await client.failure(another), "quotaExceeded");
});

t.test("files go when their time is over", async (t) => {
  const { room, voucher } = await roomWithFiles(t);
  const { client } = await room.opened();
  const file = randomBytes(16);
  await client.ask({ type: "beginFile", file, chunks: 1, bytes: 10, voucher: voucher() }, "done");
  await client.ask({ type: "putChunk", file, number: 0, sealed: randomBytes(10) }, "done");
  const fetched = async (): Promise<string> => {
    const again = (await room.opened()).client;
    return (await again.request({ type: "getChunk", file, number: 0 })).type;
  };
  t.equal(await fetched(), "chunk");
  room.clock.advance(DAY_MS + room.timeouts.sweepMs);
  for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
  t.equal(await fetched(), "failed");
});

t.test("where no files are kept, nothing is taken for one", async (t) => {
  const { client } = await new ArchiveRoom().opened();
  const file = randomBytes(16);
  const voucher = randomBytes(90);
  t.equal(await client.failure({ type: "beginFile", file, chunks: 1, bytes: 1, voucher }), "forbidden");
  t.equal(await client.failure({ type: "putChunk", file, number: 0, sealed: voucher }), "forbidden");
  t.equal(await client.failure({ type: "getChunk", file, number: MAX_FILE_CHUNKS - 1 }), "forbidden");
});
