/** The configuration: where a value comes from, and what is said of a wrong one. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { portsOf } from "../src/config-rules.js";
import {
  environmentOverrides,
  fileOverrides,
  readConfig,
  textOverride,
  type Override,
} from "../src/config.js";
import { FastChatError } from "../src/protocol/errors.js";

/** From dist/test to the checkout. */
const GLOBALS = fileURLToPath(new URL("../../config/globals.json", import.meta.url));

function read(...overrides: Override[]) {
  return readConfig(GLOBALS, overrides, "/base");
}

/** A copy of the file that was changed as its JSON object. */
function changed(t: Test, change: (config: Record<string, unknown>) => void): string {
  const file = join(t.testdir(), "globals.json");
  const config = JSON.parse(readFileSync(GLOBALS, "utf8")) as Record<string, unknown>;
  change(config);
  writeFileSync(file, JSON.stringify(config));
  return file;
}

t.test("the file that comes with FastChat is right, and what is read of it cannot be changed", async (t) => {
  const config = read();
  t.equal(config.servers, 3);
  t.equal(config.dataDir, "/base/data");
  t.ok(Object.isFrozen(config) && Object.isFrozen(config.limits) && Object.isFrozen(config.log));
});

t.test("a variable wins over the file, and a flag over the variable", async (t) => {
  const variables = environmentOverrides({
    FASTCHAT_SERVERS: "5",
    FASTCHAT_PORT: "9000",
    FASTCHAT_LIMITS_SEND_WINDOW: "7",
    FASTCHAT_PASSWORD_MEMORY_KIB: "64",
    FASTCHAT_HOST: "",
    FASTCHAT_PASSWORD: "is the client's",
    UNRELATED: "1",
  });
  const config = read(...variables, textOverride("port", "9001", "--port"));
  t.equal(config.servers, 5);
  t.equal(config.port, 9001);
  t.equal(config.limits.sendWindow, 7);
  t.equal(config.password.memoryKiB, 64);
  t.equal(config.host, "127.0.0.1", "an empty variable counts as unset");
});

t.test("what people set most has a short variable as well, and the long one wins", async (t) => {
  const config = read(
    ...environmentOverrides({
      FASTCHAT_DATA: "elsewhere",
      FASTCHAT_LOG: "json",
      FASTCHAT_CERT: "a.pem",
      FASTCHAT_KEY: "/etc/b.pem",
      FASTCHAT_LOG_FORMAT: "pretty",
    }),
  );
  t.equal(config.dataDir, "/base/elsewhere");
  t.same(config.certificate, { certFile: "/base/a.pem", keyFile: "/etc/b.pem" });
  t.equal(config.log.format, "pretty");
});

t.test("a text stays a text where the setting is one, whatever it looks like", async (t) => {
  const config = read(
    textOverride("dataDir", "/2024", "--data"),
    textOverride("publicHost", "null", "--public-host"),
    textOverride("serverPorts", "1,2, 3", "FASTCHAT_SERVER_PORTS"),
  );
  t.equal(config.dataDir, "/2024");
  t.equal(config.publicHost, null);
  t.same(config.serverPorts, [1, 2, 3]);
  t.same(read(textOverride("serverPorts", "[0,0,0]", "x")).serverPorts, [0, 0, 0]);
});

t.test("a file of one's own may leave out what it does not change", async (t) => {
  const file = join(t.testdir({ "mine.json": '{"servers":1,"limits":{"sendWindow":9}}' }), "mine.json");
  const config = read(...fileOverrides(file));
  t.equal(config.servers, 1);
  t.equal(config.limits.sendWindow, 9);
  t.equal(config.limits.maxRecipients, 1000);
});

t.test("an error names where the value came from, the key, the value and what would be right", async (t) => {
  const number = (key: string, text: string) => [textOverride(key, text, `--${key}`)];
  const cases: [why: string, overrides: Override[], message: string][] = [
    [
      "not a number",
      number("servers", "many"),
      '--servers: servers is "many"; it must be a whole number from 1 to 64.',
    ],
    ["too small", number("servers", "0"), "--servers: servers is 0; it must be a whole number from 1 to 64."],
    ["not whole", number("port", "1.5"), "--port: port is 1.5; it must be a whole number from 0 to 65535."],
    [
      "too large",
      number("port", "70000"),
      "--port: port is 70000; it must be a whole number from 0 to 65535.",
    ],
    [
      "none of the two",
      [textOverride("log.format", "xml", "--log")],
      '--log: log.format is "xml"; it must be "pretty" or "json".',
    ],
    [
      "no address of PostgreSQL, and its password is not shown",
      [textOverride("database", "mysql://me:secret@host/x", "--database")],
      '--database: database is "mysql://[redacted]@host/x"; it must be an address like postgres://user:password@host:5432/name or null.',
    ],
    [
      "a list with something else in it",
      [textOverride("serverPorts", "1,x,3", "FASTCHAT_SERVER_PORTS")],
      'FASTCHAT_SERVER_PORTS: serverPorts is [1,"x",3]; it must be a list, each of it a whole number from 0 to 65535 or null.',
    ],
    [
      "empty",
      [textOverride("strategy", "", "--strategy")],
      '--strategy: strategy is ""; it must be a text that is not empty.',
    ],
    [
      "one database only",
      [textOverride("database", "postgres://a/b", "--database")],
      "--database: database is given without archiveDatabase; name a second PostgreSQL database with --archive-database, since what the service and the archives store must not meet in one, or leave out both.",
    ],
    [
      "the other database only",
      [textOverride("archiveDatabase", "postgres://a/b", "--archive-database")],
      "--archive-database: archiveDatabase is given without database; name a second PostgreSQL database with --database, since what the service and the archives store must not meet in one, or leave out both.",
    ],
    [
      "one database twice",
      [
        textOverride("database", "postgres://a/b", "--database"),
        textOverride("archiveDatabase", "postgres://a/b", "--archive-database"),
      ],
      "--database: database and archiveDatabase are the same; the archives need a database of their own.",
    ],
    [
      "ports for another number of servers",
      [textOverride("serverPorts", "1,2", "FASTCHAT_SERVER_PORTS")],
      "FASTCHAT_SERVER_PORTS: serverPorts names 2 ports for 3 servers; name one for each, or null.",
    ],
    [
      "no room after the port",
      number("port", "65533"),
      "--port: port 65533 leaves no room for the ports of the archive and 3 servers after it; it must be at most 65531.",
    ],
    [
      "one port for two",
      [textOverride("archivePort", "7442", "FASTCHAT_ARCHIVE_PORT")],
      "FASTCHAT_ARCHIVE_PORT: port 7442 is given to two listeners; balancer, archive and each server need one of their own.",
    ],
    [
      "every interface, and none for clients",
      [textOverride("host", "0.0.0.0", "--host")],
      '--host: host is "0.0.0.0", every interface of the machine; publicHost (--public-host) must name the one that clients are told.',
    ],
    [
      "half a certificate",
      [textOverride("certificate.certFile", "a.pem", "FASTCHAT_CERT")],
      "FASTCHAT_CERT: certificate needs both certFile and keyFile, or neither.",
    ],
    [
      "a window smaller than a frame",
      [{ key: "limits.sendWindowBytes", value: 2048, source: "mine.json" }],
      "mine.json: limits.sendWindowBytes is 2048; it must be at least limits.maxFrameBytes (524288).",
    ],
    [
      "less room in a server than in a session",
      [{ key: "limits.unsettledBytes", value: 300_000, source: "mine.json" }],
      "mine.json: limits.unsettledBytes is 300000; it must be at least limits.sendWindowBytes (4194304).",
    ],
    [
      "backoff the wrong way round",
      [{ key: "timeouts.restartMinMs", value: 20000, source: "mine.json" }],
      "mine.json: timeouts.restartMinMs is 20000; it must be at most timeouts.restartMaxMs (10000).",
    ],
    [
      "hung before a heartbeat could be missed",
      [{ key: "timeouts.hungMs", value: 1500, source: "mine.json" }],
      "mine.json: timeouts.hungMs is 1500; it must be at least twice timeouts.heartbeatMs (1000).",
    ],
    [
      "a statement that hangs before its thread does",
      [{ key: "timeouts.statementMs", value: 1500, source: "mine.json" }],
      "mine.json: timeouts.statementMs is 1500; it must be at least timeouts.hungMs (5000).",
    ],
    [
      "no such setting",
      [{ key: "limits.sendWindows", value: 1, source: "mine.json" }],
      'mine.json: there is no setting "limits.sendWindows"; remove or correct it.',
    ],
  ];
  for (const [why, overrides, message] of cases) {
    const wanted = new FastChatError("badConfig", message);
    t.throws(() => read(...overrides), { code: wanted.code, message: wanted.message }, why);
  }
});

t.test("a damaged file is named with what is wrong in it", async (t) => {
  const refused = (file: string, message: RegExp | string) =>
    t.throws(() => readConfig(file, [], "/"), { code: "badConfig", message });
  const folder = t.testdir({
    "broken.json": '{"servers": 3,}',
    "list.json": "[]",
    "secret.json": '{"database": "postgres://u:hidden@h/x" "y"}',
    "short.json": "hidden\n",
  });
  refused(join(folder, "broken.json"), /broken\.json is not JSON: .+/);
  for (const file of ["secret.json", "short.json"]) {
    refused(join(folder, file), /^(?!.*(hidden|\n)).* is not JSON: .+\.$/s);
  }
  refused(join(folder, "list.json"), /list\.json must hold one JSON object\./);
  refused(join(folder, "absent.json"), /absent\.json cannot be read: there is no such file\./);
  const missing = changed(t, (config) => delete config["strategy"]);
  refused(missing, `${missing}: strategy is missing; it must be a text that is not empty.`);
  const part = changed(t, (config) => (config["limits"] = 5));
  refused(part, /limits\.maxFrameBytes is missing; it must be a whole number from 1024 to \d+\./);
  const extra = changed(t, (config) => (config["toString"] = 5));
  refused(extra, `${extra}: there is no setting "toString"; remove or correct it.`);
});

t.test("archive and servers take the ports after the balancer's unless they are named", async (t) => {
  const three = { port: 7440, archivePort: null, serverPorts: null, servers: 3 };
  t.same(portsOf(three), { balancer: 7440, archive: 7441, servers: [7442, 7443, 7444] });
  t.same(portsOf({ ...three, port: 0 }), { balancer: 0, archive: 0, servers: [0, 0, 0] });
  t.same(portsOf({ ...three, archivePort: 1, serverPorts: [2, 3, 0] }), {
    balancer: 7440,
    archive: 1,
    servers: [2, 3, 0],
  });
});
