/** What an operator sees: lines for people or machines, and the live table on a terminal. */
import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { Chalk } from "chalk";
import t from "tap";
import type { LoadReport } from "../../src/protocol/threads.js";
import { openScreen, type Screen } from "../../src/supervisor/screen.js";
import { drawTable, rowsOf } from "../../src/supervisor/table.js";
import { CHAT_1, CHAT_2, Story } from "./story.js";

const plain = new Chalk({ level: 0 });

const report: LoadReport = {
  connections: 1234,
  attached: 1000,
  messagesIn: 250,
  messagesOut: 500,
  bytesIn: 1_000_000,
  bytesOut: 500_000,
  mailboxes: 7,
  unsettled: 0,
  writeQueue: 0,
  loopDelayP99Ms: 12.34,
  utilization: 0.5,
  accepted: { counts: [], sumMs: 0 },
  ended: {},
  overMs: 500,
};

const LINE = '{"level":"info","time":"2026-01-01T00:00:00.000Z","thread":"chat-1","view":3,"msg":"hello"}';

interface Shown {
  readonly screen: Screen;
  readonly text: () => string;
}

function open(options: { format: "pretty" | "json"; tty?: boolean; env?: Record<string, string> }): Shown {
  const stream = new PassThrough();
  let text = "";
  stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  Object.assign(stream, { isTTY: options.tty ?? false, columns: 100, rows: 30 });
  const screen = openScreen({
    format: options.format,
    stream: stream as unknown as NodeJS.WriteStream,
    env: options.env ?? {},
  });
  return { screen, text: () => text };
}

t.test("the table shows every thread, its state and what it last measured", async (t) => {
  const story = Story.running();
  story.exits(CHAT_2);
  story.pass(20);
  const rows = rowsOf(
    story.state,
    new Map([
      [CHAT_1, report],
      [CHAT_2, report],
    ]),
    story.now,
  );
  t.same(drawTable(rows, 200, plain).split("\n"), [
    " thread            state           connections  msgs in/s  msgs out/s  bytes/s  loop p99  restarts",
    " chat-1            running               1,234        500       1,000   3.0 MB   12.3 ms         0",
    " chat-2            again in 0.1 s            –          –           –        –         –         0",
    " chat-3            running                   –          –           –        –         –         0",
    " balancer          running                   –          –           –        –         –         0",
    " archive           running                   –          –           –        –         –         0",
    " database-service  running                   –          –           –        –         –         0",
    " database-archive  running                   –          –           –        –         –         0",
  ]);
});

t.test("the table shows which servers are to be empty, and which are to go", async (t) => {
  const story = Story.running();
  story.order({ do: "drain", server: CHAT_1 });
  story.order({ do: "scale", servers: 4 });
  story.order({ do: "drain", server: CHAT_2 });
  story.order({ do: "scale", servers: 3 });
  const states = rowsOf(story.state, new Map(), story.now).map(
    ({ id, state }) => `${id} ${state.text} ${state.color}`,
  );
  t.same(states.slice(0, 4), [
    "chat-1 draining yellow",
    "chat-2 retiring yellow",
    "chat-3 running green",
    "chat-4 starting yellow",
  ]);
});

t.test("a narrow terminal cuts the table off instead of wrapping it", async (t) => {
  const rows = rowsOf(Story.running().state, new Map(), 0);
  t.ok(
    drawTable(rows, 40, new Chalk({ level: 1 }))
      .split("\n")
      .every((line) => stripVTControlCharacters(line).length <= 40),
  );
});

t.test("as JSON every line stays as the thread wrote it, and notices are left out", async (t) => {
  const { screen, text } = open({ format: "json", tty: true });
  screen.logLine(LINE);
  screen.notice("welcome");
  screen.showTable(() => rowsOf(Story.running().state, new Map(), 0));
  screen.close();
  t.equal(text(), `${LINE}\n`);
});

t.test("for people a line is short, and what is not a log line stays as it is", async (t) => {
  const { screen, text } = open({ format: "pretty" });
  screen.logLine(LINE);
  screen.logLine("Error: plain output of a thread");
  screen.notice("welcome");
  t.match(
    text(),
    /^\[\d\d:\d\d:\d\d\] INFO: chat-1: hello \{"view":3\}\nError: plain output of a thread\nwelcome\n$/,
  );
});

t.test("on a terminal the table stands below the lines, and is drawn again after them", async (t) => {
  const { screen, text } = open({ format: "pretty", tty: true });
  screen.showTable(() => rowsOf(Story.running().state, new Map(), 0));
  screen.logLine(LINE);
  screen.close();
  const shown = stripVTControlCharacters(text());
  t.ok(shown.indexOf("chat-1: hello") < shown.lastIndexOf("connections"));
  t.match(shown, /database-archive  running/);
  screen.logLine("after the end");
  t.ok(text().endsWith("after the end\n"));
});

t.test("colours are for terminals that want them", async (t) => {
  const colored = (options: Parameters<typeof open>[0]) => {
    const { screen, text } = open(options);
    screen.logLine(LINE);
    screen.close();
    return text().includes("\u001B[32m");
  };
  t.ok(colored({ format: "pretty", tty: true }), "a terminal");
  t.ok(colored({ format: "pretty", env: { FORCE_COLOR: "1" } }), "a pipe to a pager");
  t.notOk(colored({ format: "pretty" }), "a file");
  t.notOk(colored({ format: "pretty", tty: true, env: { TERM: "dumb" } }), "a terminal without colours");
  t.notOk(colored({ format: "pretty", tty: true, env: { NO_COLOR: "1" } }), "no-color.org");
});

t.test("what is wrong with a thread's database stands in its row", async (t) => {
  const story = Story.running();
  story.from(CHAT_1, { type: "trouble", trouble: "diskFull" });
  story.from(CHAT_2, { type: "trouble", trouble: "databaseUnreachable" });
  story.from("database-service", { type: "failed", error: { code: "diskFull", message: "Full." } });
  story.exits("database-service");
  const states = new Map(rowsOf(story.state, new Map(), story.now).map(({ id, state }) => [id, state.text]));
  t.equal(states.get(CHAT_1), "disk full");
  t.equal(states.get(CHAT_2), "no database");
  t.equal(states.get("database-service"), "disk full, again in 0.1 s");
});
