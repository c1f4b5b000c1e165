/** Files between people: sealed here, stored with the service, fetched by whom the message tells of them. */
import { randomBytes } from "node:crypto";
import t from "tap";
import type { Client } from "../../../src/client/core/client.js";
import type { FileSource } from "../../../src/client/core/files.js";
import { FILE_CHUNK_BYTES } from "../../../src/crypto/file-chunks.js";
import { FastChatError } from "../../../src/protocol/errors.js";
import { readId16, type MessageId } from "../../../src/protocol/ids.js";
import { inTime, listenTo, resume, signedIn, twoPeople } from "./device.js";
import { Service } from "./service.js";

function fileOf(content: Uint8Array, name = "report.pdf"): FileSource {
  return {
    name,
    bytes: content.length,
    read: (at, length) => Promise.resolve(content.subarray(at, at + length)),
  };
}

async function scene() {
  const service = new Service();
  const { bob: person, onAlices, onBobs } = await twoPeople(service);
  const [alice, bob] = [await resume(onAlices), await resume(onBobs)];
  const { got } = await listenTo(bob);
  const send = async (content: Uint8Array, text = "") => {
    const before = got.length;
    const sent = await inTime(service, alice.sendFile("bob", fileOf(content), { text }));
    await inTime(service, () => got.length > before);
    await inTime(service, () => [...service.mailboxes.values()].every((box) => box.length === 0));
    return sent?.id ?? null;
  };
  const fetch = async (client: Client, name: string, id: MessageId | null): Promise<Buffer> => {
    const parts: Uint8Array[] = [];
    await inTime(
      service,
      client.fetchFile(name, id, () =>
        Promise.resolve((bytes) => {
          parts.push(bytes);
          return Promise.resolve();
        }),
      ),
    );
    return Buffer.concat(parts);
  };
  const close = async (...more: readonly Client[]): Promise<void> => {
    for (const client of [alice, bob, ...more]) await inTime(service, client.close());
  };
  return { service, person, alice, bob, got, send, fetch, close };
}

t.test("what was sent is what is fetched, whatever its size, by both and on every device", async (t) => {
  const { service, person, alice, bob, got, send, fetch, close } = await scene();
  const other = await resume(await signedIn(service, person, "bob"));
  for (const bytes of [0, 1, FILE_CHUNK_BYTES, 3 * FILE_CHUNK_BYTES + 5]) {
    const content = randomBytes(bytes);
    const id = await send(content, "as promised");
    t.match(got.at(-1), {
      file: { name: "report.pdf", bytes },
      text: /^\[file: report\.pdf, .*\] as promised$/,
    });
    for (const [client, peer] of [
      [bob, "alice"],
      [other, "alice"],
      [alice, "bob"],
    ] as const) {
      t.ok(content.equals(await fetch(client, peer, id)), `${bytes} bytes`);
      t.ok(content.equals(await fetch(client, peer, null)), "the newest");
    }
  }
  const history = (await inTime(service, bob.history({ with: "alice" }))) ?? [];
  t.same(
    history.map(({ file }) => file?.bytes),
    [0, 1, FILE_CHUNK_BYTES, 3 * FILE_CHUNK_BYTES + 5],
  );
  await close(other);
});

t.test("the service stores nothing of a file that can be read, and not its size to the byte", async (t) => {
  const { service, send, close } = await scene();
  const content = Buffer.from("the secret plan ".repeat(40));
  await send(content);
  const stored = Buffer.concat(
    [...service.archive.files.values()].flatMap(({ chunks }) => [...chunks.values()]),
  );
  t.ok(stored.length > content.length);
  t.notOk(stored.includes("secret plan"));
  await close();
});

t.test(
  "a file that is damaged, exchanged, cut off or gone is not taken for the one that was sent",
  async (t) => {
    const { service, bob, send, fetch, close } = await scene();
    const content = randomBytes(2 * FILE_CHUNK_BYTES + 9);
    const id = await send(content);
    const [file] = [...service.archive.files.values()];
    if (file === undefined) throw new Error("nothing is stored");
    const genuine = new Map(file.chunks);
    const restore = () => genuine.forEach((chunk, number) => file.chunks.set(number, chunk));
    const moves: readonly (readonly [string, () => void, string])[] = [
      [
        "a changed byte",
        () =>
          file.chunks.set(
            1,
            (genuine.get(1) ?? new Uint8Array()).map((byte, at) => (at === 99 ? byte ^ 1 : byte)),
          ),
        "undecryptable",
      ],
      [
        "two exchanged",
        () => [0, 1].forEach((n) => file.chunks.set(n, genuine.get(1 - n) ?? new Uint8Array())),
        "undecryptable",
      ],
      [
        "the last one in the place of another",
        () => file.chunks.set(1, genuine.get(2) ?? new Uint8Array()),
        "undecryptable",
      ],
      ["one that is gone", () => file.chunks.delete(2), "noSuchFile"],
    ];
    for (const [name, move, code] of moves) {
      move();
      await t.rejects(fetch(bob, "alice", id), { code }, name);
      restore();
    }
    t.ok(content.equals(await fetch(bob, "alice", id)));
    await close();
  },
);

t.test("what the service refuses is told, and no message is sent for it", async (t) => {
  const { service, alice, got, send, fetch, bob, close } = await scene();
  service.archive.refuse.set("putChunk", { code: "tooLarge", message: "No." });
  const content = randomBytes(6 * FILE_CHUNK_BYTES);
  await t.rejects(inTime(service, alice.sendFile("bob", fileOf(content))), { code: "tooLarge" });
  service.archive.refuse.clear();
  service.archive.refuse.set("beginFile", { code: "quotaExceeded", message: "No." });
  await t.rejects(inTime(service, alice.sendFile("bob", fileOf(content))), { code: "quotaExceeded" });
  service.archive.refuse.clear();
  const broken: FileSource = {
    ...fileOf(content),
    read: () => Promise.reject(new FastChatError("badRequest", "It was changed.")),
  };
  await t.rejects(inTime(service, alice.sendFile("bob", broken)), { code: "badRequest" });
  await t.rejects(inTime(service, alice.sendFile("nobody", fileOf(content))), { code: "noSuchAccount" });
  const files = service.archive.files.size;
  for (const name of ["", "x".repeat(256)]) {
    await t.rejects(inTime(service, alice.sendFile("bob", fileOf(content, name))), { code: "badRequest" });
  }
  t.equal(service.archive.files.size, files, "nothing is stored that no message could tell of");
  t.same(got, []);
  await t.rejects(fetch(bob, "alice", null), { code: "noSuchMessage" });
  await send(randomBytes(1));
  await t.rejects(fetch(bob, "alice", readId16<MessageId>(new Uint8Array(16))), { code: "noSuchMessage" });
  await close();
});

t.test("an upload outlives the loss of the archive's connection", async (t) => {
  const { service, alice, bob, got, fetch, close } = await scene();
  const content = randomBytes(8 * FILE_CHUNK_BYTES);
  let cuts = 0;
  const sending = alice.sendFile("bob", fileOf(content), {
    onProgress: () => {
      if (cuts++ < 3) service.archive.cut();
    },
  });
  await inTime(service, sending);
  await inTime(service, () => got.length === 1);
  // Shown is not archived yet: it is once it is acknowledged.
  await inTime(service, () => [...service.mailboxes.values()].every((box) => box.length === 0));
  t.ok(cuts > 3);
  t.ok(content.equals(await fetch(bob, "alice", got[0]?.id ?? null)));
  await close();
});
