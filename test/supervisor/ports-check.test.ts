/** Ports, before anything is started. */
import { createServer } from "node:net";
import t from "tap";
import { checkPorts } from "../../src/supervisor/ports-check.js";

const FREE = { host: "127.0.0.1", port: 0, archivePort: null, serverPorts: null, servers: 3 };

t.test("free ports are left free", async (t) => {
  await t.resolves(checkPorts(FREE));
});

t.test("a taken port is named with who was to have it", async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  t.teardown(() => void other.close());
  const { port } = other.address() as { port: number };
  const refused = (taken: object, listener: string) =>
    t.rejects(checkPorts({ ...FREE, ...taken }), {
      code: "portInUse",
      message: `Port ${port} on 127.0.0.1, which ${listener} is to have, is in use.`,
    });
  await refused({ port, archivePort: 0, serverPorts: [0, 0, 0] }, "the balancer");
  await refused({ archivePort: port }, "the archive");
  await refused({ serverPorts: [0, 0, port] }, "chat-3");
});

t.test("a host that is not this machine's is named", async (t) => {
  // An address for documentation (RFC 5737), which no machine has.
  await t.rejects(checkPorts({ ...FREE, host: "203.0.113.9" }), {
    code: "badConfig",
    message: /^host is "203\.0\.113\.9"; it must be an interface of this machine/,
  });
});
