import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:tls";
import t from "tap";
import { MemoryArchive } from "../../../bench/simulation/memory-archive.js";
import { readConfig } from "../../../src/config.js";
import { channelOverSocket } from "../../../src/node/tls-channel.js";
import { archiveReplies, archiveRequests, type ArchiveReply } from "../../../src/protocol/archive.js";
import { VOUCHER_LABEL, encodeVoucherClaims } from "../../../src/protocol/grants.js";
import type { FrameChannel, Log } from "../../../src/protocol/runtime.js";
import { startArchiveThread } from "../../../src/workers/archive/archive-thread.js";
import { makeCertificate } from "../../client/node/tls-service.js";
import { entry, randomArchive } from "../../store/archive-contract.js";

const { limits, timeouts } = readConfig("config/globals.json", [], ".");
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const grants = generateKeyPairSync("ed25519");
const grantPublicKey = grants.publicKey.export({ type: "spki", format: "pem" }).toString();

function voucher(): Uint8Array {
  const claims = encodeVoucherClaims({ expiresAt: Date.now() + 60_000, nonce: randomBytes(16) });
  const signed = Buffer.concat([Buffer.from(VOUCHER_LABEL), Buffer.alloc(1), claims]);
  return Buffer.concat([claims, sign(null, signed, grants.privateKey)]);
}

interface Line {
  readonly channel: FrameChannel;
  readonly closed: Promise<void>;
  next(): Promise<ArchiveReply>;
}

async function dial(port: number): Promise<Line> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const arrived: ArchiveReply[] = [];
  let wake: () => void = () => undefined;
  let end: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (end = resolve));
  const channel = channelOverSocket(
    socket,
    { maxFrameBytes: limits.archiveFrameBytes, bufferBytes: limits.socketBufferBytes },
    {
      onFrame(content) {
        arrived.push(archiveReplies.decode(content));
        wake();
      },
      onDrain: () => undefined,
      onClose: end,
    },
  );
  const next = async (): Promise<ArchiveReply> => {
    for (;;) {
      const reply = arrived.shift();
      if (reply !== undefined) return reply;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  return { channel, closed, next };
}

t.test("over TLS: an archive is made, written and read, and stopping closes the connection", async (t) => {
  const tls = await makeCertificate();
  const data = { limits, timeouts, tls, host: "127.0.0.1", port: 0, grantPublicKey };
  const body = await startArchiveThread(data, { archives: new MemoryArchive() }, silent);
  const line = await dial(body.listening?.port ?? 0);
  const [archive, token] = [randomArchive(), randomBytes(32)];
  line.channel.send(archiveRequests.encode({ type: "create", ref: 1, voucher: voucher(), archive, token }));
  t.same(await line.next(), { type: "opened", ref: 1, counter: 0, revision: 0, idleMs: 10_000 });
  const given = entry("a", "chat", 300_000);
  line.channel.send(archiveRequests.encode({ type: "append", ref: 2, entries: [given] }));
  t.same(await line.next(), { type: "appended", ref: 2, results: [{ counter: 1, had: false }] });
  line.channel.send(archiveRequests.encode({ type: "before", ref: 3, limit: 1 }));
  const page = await line.next();
  t.match(page, { type: "page", ref: 3, more: false });
  t.ok(page.type === "page" && Buffer.from(given.sealed).equals(page.entries[0]?.sealed ?? Buffer.alloc(0)));
  await body.stop();
  await line.closed;
});

t.test("a port that is taken is told by name", async (t) => {
  const tls = await makeCertificate();
  const data = { limits, timeouts, tls, host: "127.0.0.1", port: 0, grantPublicKey };
  const first = await startArchiveThread(data, { archives: new MemoryArchive() }, silent);
  t.teardown(() => first.stop());
  const second = startArchiveThread(
    { ...data, port: first.listening?.port ?? 0 },
    { archives: new MemoryArchive() },
    silent,
  );
  await t.rejects(second, { code: "portInUse" });
});
