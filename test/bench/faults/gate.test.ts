/** Gates pass what they should, and nothing else. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import t, { type Test } from "tap";
import { Gate } from "../../../bench/faults/gate.js";

/** A gate to a server of this test, with one connection through it. */
async function connected(t: Test): Promise<{ gate: Gate; near: Socket; far: Socket; dial: () => Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const gate = await Gate.open({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const dial = (): Socket => connect({ host: "127.0.0.1", port: gate.port });
  const near = dial();
  const [far] = await accepted;
  for (const socket of [near, far]) socket.on("error", () => undefined);
  t.teardown(() => {
    gate.close();
    near.destroy();
    far.destroy();
    server.close();
  });
  return { gate, near, far, dial };
}

/** All that comes until the socket closes. */
async function rest(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "close");
  return Buffer.concat(chunks).toString();
}

t.test("bytes and ends pass both ways", async (t) => {
  const { near, far } = await connected(t);
  near.write("there");
  t.equal(String(((await once(far, "data")) as [Buffer])[0]), "there");
  far.end("and back");
  const came = rest(near);
  near.end();
  t.equal(await came, "and back");
});

t.test("a cut lets so many bytes pass and no more, and both sides are told", async (t) => {
  const { gate, near, far } = await connected(t);
  t.equal(gate.cut(4), 1);
  const closed = once(near, "close");
  const came = rest(far);
  far.on("end", () => far.end());
  near.resume();
  near.write("0123456789");
  t.equal(await came, "0123");
  await closed;
});

t.test("a cut connection that carries nothing is cut all the same", async (t) => {
  const { gate, near, far } = await connected(t);
  near.resume();
  far.resume();
  gate.cut(1_000);
  far.on("end", () => far.end());
  await Promise.all([once(near, "close"), once(far, "close")]);
});

t.test("a held connection passes nothing and tells nobody, a new one is as ever", async (t) => {
  const { gate, near, far, dial } = await connected(t);
  const { held, drop } = gate.hold();
  t.equal(held, 1);
  let passed = false;
  far.on("data", () => (passed = true));
  near.write("lost");
  const other = dial();
  await once(other, "connect");
  other.write("passes");
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.notOk(passed);
  t.notOk(near.destroyed);
  drop();
  near.resume();
  await once(near, "close");
  other.destroy();
});

t.test("a stalled side gets what came meanwhile once it reads again", async (t) => {
  const { gate, near, far } = await connected(t);
  gate.stall(true);
  const got: string[] = [];
  near.on("data", (chunk: Buffer) => got.push(chunk.toString()));
  far.write("later");
  near.write("at once");
  t.equal(String(((await once(far, "data")) as [Buffer])[0]), "at once");
  t.same(got, []);
  const came = once(near, "data");
  gate.stall(false);
  await came;
  t.same(got, ["later"]);
});

t.test("a gate that refuses closes whoever comes", async (t) => {
  const { gate, dial } = await connected(t);
  gate.refuse(true);
  const refused = dial();
  refused.on("error", () => undefined);
  refused.resume();
  await once(refused, "close");
  gate.refuse(false);
  const taken = dial();
  await once(taken, "connect");
  taken.destroy();
});
