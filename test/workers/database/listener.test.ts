import { once } from "node:events";
import { chmod, mkdir, stat, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import t from "tap";
import { serialize } from "./pg-protocol.js";
import { FastChatError } from "../../../src/protocol/errors.js";
import { summarize } from "../../../src/workers/database/backend.js";
import { listenOnSocket, SOCKET_NAME } from "../../../src/workers/database/listener.js";
import { shortFolder } from "./running-database.js";

await t.test("nobody else can enter the folder of the socket, whatever its permissions were", async (t) => {
  const folder = join(await shortFolder(t), "s");
  await mkdir(folder);
  await chmod(folder, 0o777);
  const listener = await listenOnSocket(folder, 1, (socket) => socket.destroy());
  t.teardown(() => listener.close());
  t.equal((await stat(folder)).mode & 0o777, 0o700);
  t.equal((await stat(join(folder, SOCKET_NAME))).mode & 0o077, 0);
});

await t.test("one connection too many is told so, even while it sends", async (t) => {
  const folder = await shortFolder(t);
  const accepted: Socket[] = [];
  const listener = await listenOnSocket(folder, 1, (socket) => accepted.push(socket));
  t.teardown(() => listener.close());
  const first = connect(join(folder, SOCKET_NAME));
  await once(first, "connect");
  const second = connect(join(folder, SOCKET_NAME));
  second.write(serialize.startup({ user: "postgres" }));
  const chunks: Buffer[] = [];
  for await (const chunk of second) chunks.push(chunk as Buffer);
  t.match(summarize(Buffer.concat(chunks)).error, { severity: "FATAL", code: "53300" });
  t.equal(accepted.length, 1);

  const closed = once(first, "close");
  listener.destroy();
  await closed;
});

await t.test("a folder that cannot be one is named", async (t) => {
  const file = join(await shortFolder(t), "file");
  await writeFile(file, "");
  const refused: unknown = await listenOnSocket(file, 1, () => undefined).catch((error: unknown) => error);
  t.ok(refused instanceof FastChatError && refused.code === "badConfig", String(refused));
});
