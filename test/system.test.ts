/** `system` as people start it: a process of its own, with real threads, sockets and databases. */
import { spawn, type ChildProcess } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { watch } from "node:fs";
import { lstat, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { OPERATOR_COMMANDS } from "../src/operator/commands.js";
import { parseAddress } from "../src/protocol/address.js";
import { pinOf } from "../src/supervisor/certificate.js";

const SYSTEM = fileURLToPath(new URL("../src/system.js", import.meta.url));

/** What people are promised, in milliseconds: whoever takes longer is killed, and the test sees it. */
const STOP_MS = 5000;

const POSTGRES = [
  process.env["FASTCHAT_TEST_DATABASE_URL"] ?? "",
  process.env["FASTCHAT_TEST_ARCHIVE_DATABASE_URL"] ?? "",
] as const;

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function start(t: Test, ...args: readonly string[]): Started {
  // An environment of its own: what the tests are run with must not reach it.
  const env = { PATH: process.env["PATH"] };
  const child = spawn(process.execPath, [SYSTEM, "--log", "json", ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exit = once(child, "exit") as Promise<[number | null]>;
  const ended = Promise.all([exit, text(child.stdout), text(child.stderr)]).then(
    ([[code], stdout, stderr]) => ({ code, stdout, stderr }),
  );
  t.teardown(async () => {
    child.kill("SIGKILL");
    await exit;
  });
  return { child, ended };
}

/** Asks it to stop as a service manager does. */
async function stop({
  child,
  ended,
}: Started): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  child.kill("SIGTERM");
  const outcome = await ended;
  clearTimeout(timer);
  return outcome;
}

/** The address that a starting system leaves in its data folder, as a script would wait for it. */
async function address(folder: string, { ended }: Started): Promise<string> {
  const aborter = new AbortController();
  const failed = ended.then(({ stderr }) => {
    throw new Error(`it ended before it was ready: ${stderr}`);
  });
  const written = new Promise<void>((resolve) => {
    const watcher = watch(folder, { signal: aborter.signal }, (_event, name) => {
      if (name === "address") resolve();
    });
    watcher.on("error", () => undefined);
  });
  try {
    if (!(await readdir(folder)).includes("address")) await Promise.race([written, failed]);
    return (await readFile(join(folder, "address"), "utf8")).trim();
  } finally {
    aborter.abort();
    failed.catch(() => undefined);
  }
}

async function emptyFolder(t: Test): Promise<string> {
  const folder = await mkdtemp("/tmp/fastchat-test-");
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

/** The one line of standard error. */
function refused(
  t: Test,
  outcome: { code: number | null; stderr: string },
  code: number,
  line: RegExp,
): void {
  t.match(outcome.stderr, line);
  t.equal(outcome.stderr.trim().split("\n").length, 1, "one line, no stack");
  t.equal(outcome.code, code);
}

/** The pin of whoever answers over TLS there. */
async function pinAt(host: string, port: number): Promise<Uint8Array> {
  const socket = connect({ host, port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return pinOf(new X509Certificate(raw));
}

for (const [name, databases, skip] of [
  ["embedded databases", [], false],
  [
    "PostgreSQL",
    ["--database", POSTGRES[0], "--archive-database", POSTGRES[1]],
    POSTGRES.includes("")
      ? "FASTCHAT_TEST_DATABASE_URL and FASTCHAT_TEST_ARCHIVE_DATABASE_URL name no two databases"
      : false,
  ],
] as const) {
  t.test(
    `on ${name} it starts in an empty folder, serves, refuses a second one, and stops in order`,
    { skip },
    async (t) => {
      const folder = await emptyFolder(t);
      const system = start(t, "--port", "0", "--servers", "2", "--data", folder, ...databases);
      const { host, port, pin } = parseAddress(await address(folder, system));
      t.same(await pinAt(host, port), pin);
      for (const file of await readdir(folder)) {
        if (file === "lock") continue; // A link has no mode of its own.
        const { mode } = await lstat(join(folder, file));
        t.equal(mode & 0o077, 0, `${file} is its owner's alone`);
      }

      const second = await start(t, "--port", "0", "--data", folder).ended;
      refused(
        t,
        second,
        8,
        /^fastchat-system: .+ is in use by another process\. Stop the other process, or choose/,
      );

      const { code, stdout, stderr } = await stop(system);
      t.equal(stderr, "");
      t.equal(code, 0);
      t.notOk((await readdir(folder)).some((file) => file === "address" || file.includes("lock")));
      const lines = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { msg: string; level: string });
      t.match(
        lines.find(({ msg }) => msg === "everything is ready"),
        { address: /^fastchat:/ },
      );
      t.same(
        lines.filter(({ level }) => level === "error"),
        [],
      );
    },
  );
}

t.test("a port in use stops it with a sentence, wherever in the row of ports it is", async (t) => {
  const folder = await emptyFolder(t);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  t.teardown(() => void other.close());
  const { port } = other.address() as { port: number };
  const config = join(await emptyFolder(t), "ports.json");
  await writeFile(config, JSON.stringify({ port: 0, servers: 2, serverPorts: [0, port] }));
  refused(
    t,
    await start(t, "--config", config, "--data", folder).ended,
    8,
    new RegExp(
      `^fastchat-system: Port ${port} on 127\\.0\\.0\\.1, which chat-2 is to have, is in use\\. Choose another port`,
    ),
  );
});

t.test("what is wrong before any thread starts is told at once", async (t) => {
  const folder = await emptyFolder(t);
  const data = join(folder, "data");
  await writeFile(join(folder, "damaged.json"), '{"servers": 3,}');
  const outcomes = await Promise.all([
    start(t, "--config", join(folder, "damaged.json")).ended,
    start(t, "--servers", "none").ended,
    start(t, "--prot", "1").ended,
    start(t, "--data", data, "--database", "postgres://a/b").ended,
  ]);
  const [damaged, value, flag, database] = outcomes;
  refused(t, damaged, 2, /damaged\.json is not JSON: /);
  refused(t, value, 2, /--servers: servers is "none"; it must be a whole number from 1 to 64\./);
  refused(t, flag, 2, /Unknown argument: prot/);
  refused(t, database, 2, /name a second PostgreSQL database with --archive-database/);
  t.same(await readdir(folder), ["damaged.json"], "nothing was made");

  const nowhere = [
    "--database",
    "postgres://me:pw@127.0.0.1:1/a",
    "--archive-database",
    "postgres://me:pw@127.0.0.1:1/b",
  ];
  const unreachable = await start(t, "--port", "0", "--data", data, ...nowhere).ended;
  refused(
    t,
    unreachable,
    8,
    /database \(postgres:\/\/\[redacted\]@127\.0\.0\.1:1\/a\) cannot be used: connect ECONNREFUSED/,
  );
  t.notMatch(unreachable.stdout, /me:pw/);

  await writeFile(join(data, "version"), "99\n");
  refused(
    t,
    await start(t, "--port", "0", "--data", data).ended,
    8,
    /a newer FastChat wrote this folder \(version 99/,
  );
});

t.test("--help and --version answer and start nothing", async (t) => {
  const [help, version] = await Promise.all([start(t, "--help").ended, start(t, "--version").ended]);
  t.equal(help.code, 0);
  for (const flag of [
    "--servers",
    "--port",
    "--host",
    "--public-host",
    "--database",
    "--archive-database",
    "--data",
    "--strategy",
    "--log",
    "--config",
  ]) {
    t.match(help.stdout, flag);
  }
  for (const command of OPERATOR_COMMANDS) t.match(help.stdout.replace(/\s+/g, " "), ` ${command}`);
  t.equal(version.code, 0);
  t.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
});
