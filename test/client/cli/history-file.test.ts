/** Files that `import` reads: what `export` writes is taken, all else is refused with the place of what is wrong. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import t from "tap";
import { HistoryFile, type HistoryHead, type ReadMessage } from "../../../src/client/cli/history-file.js";
import { FileSealer, SEALED_EXPORT } from "../../../src/crypto/sealed-file.js";

const folder = t.testdir({});
const ACCOUNT = "a".repeat(32);
const PEER = "b".repeat(32);
const PASSWORD = "correct horse";
let files = 0;

function message(number: number, over: object = {}): object {
  return {
    id: number.toString(16).padStart(32, "0"),
    from: "alice",
    to: "bob",
    text: `message ${number}`,
    at: "2026-01-02T03:04:05.678Z",
    direction: "sent",
    counter: number,
    fromAccount: ACCOUNT,
    toAccounts: [PEER],
    ...over,
  };
}

function fileOf(messages: readonly object[], over: object = {}): string {
  const head = { format: "fastchat history", version: 2, name: "alice", account: ACCOUNT, ...over };
  return JSON.stringify({ ...head, messages });
}

async function written(content: string | Uint8Array): Promise<string> {
  const path = join(folder, `file-${++files}`);
  await writeFile(path, content);
  return path;
}

interface Read {
  readonly heads: HistoryHead[];
  readonly messages: ReadMessage[];
}

async function read(
  content: string | Uint8Array,
  password = PASSWORD,
  all: Read = { heads: [], messages: [] },
): Promise<Read> {
  const file = await HistoryFile.open(await written(content), () => Promise.resolve(password));
  try {
    for await (const part of file.read()) {
      if ("account" in part) all.heads.push(part);
      else all.messages.push(...part);
    }
  } finally {
    await file.close();
  }
  return all;
}

t.test("what was exported is read as it was, in whatever layout", async (t) => {
  const content = fileOf([message(1), message(2, { at: null }), message(3, { direction: "received" })]);
  const layouts = [content, JSON.stringify(JSON.parse(content), null, 4), content.replaceAll("},{", "},\n{")];
  for (const layout of layouts) {
    const { heads, messages } = await read(layout);
    t.match(heads, [{ name: "alice", account: ACCOUNT }]);
    t.strictSame(messages[0], {
      number: 1,
      message: {
        id: "1".padStart(32, "0"),
        from: "alice",
        to: "bob",
        fromAccount: ACCOUNT,
        toWhom: { kind: "person", account: PEER },
        text: "message 1",
        at: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
        direction: "sent",
      },
    });
    t.match(messages.slice(1), [{ message: { at: 0 } }, { number: 3, message: { direction: "received" } }]);
  }
});

t.test("the head comes before any message, and once, also of a history without any", async (t) => {
  for (const count of [0, 1, 3_000]) {
    const { heads, messages } = await read(
      fileOf(Array.from({ length: count }, (_, index) => message(index + 1))),
    );
    t.equal(heads.length, 1);
    t.equal(messages.length, count);
    t.same(messages.at(-1)?.number ?? 0, count);
  }
});

t.test("what was not genuine, or missing, is left out", async (t) => {
  const none = { id: null, from: "", to: "", text: "", at: null, fromAccount: null, toAccounts: [] };
  const { messages } = await read(
    fileOf([
      message(1),
      message(2, { ...none, direction: "missing" }),
      message(3, { ...none, direction: "invalid" }),
      message(4, { direction: "waiting" }),
      message(5),
    ]),
  );
  t.same(
    messages.map(({ number, message }) => [number, message === null]),
    [
      [1, false],
      [2, true],
      [3, true],
      [4, true],
      [5, false],
    ],
  );
});

t.test("what is no history is refused, with what to see to", async (t) => {
  const cases: readonly (readonly [what: string, content: string, message: RegExp])[] = [
    ["nothing", "", /no history that fastchat export wrote/],
    ["text", "[2026-01-02] alice: hello", /no history/],
    ["a number", "42", /no history/],
    ["a list", "[]", /no history/],
    ["another object", '{"hello":"world"}', /no history/],
    ["another format", fileOf([], { format: "something else" }), /no history/],
    ["an older version", fileOf([message(1)], { version: 1 }), /version 1 .* reads version 2/],
    ["a newer version", fileOf([message(1)], { version: 3 }), /version 3/],
    ["no account", fileOf([message(1)], { account: "nobody" }), /whose history/],
    ["a huge text that never ends", `{"format":"${"x".repeat(1_000_000)}`, /no history/],
    ["messages that are no list", '{"messages":{"a":{},"b":{}}}', /no history/],
    ["messages before the head", `{"messages":[${JSON.stringify(message(1))}]}`, /no history/],
    [
      "cut off",
      fileOf([message(1), message(2)]).slice(0, -30),
      /not whole: it ends within or behind message 1/,
    ],
    ["cut off at its end", fileOf([message(1), message(2)]).slice(0, -1), /message 2/],
    [
      "damaged",
      fileOf([message(1), message(2)]).replace("message 2", 'mess"age 2'),
      /damaged behind message 1/,
    ],
  ];
  for (const [what, content, expected] of cases) {
    await t.rejects(read(content), { code: "badRequest", message: expected }, what);
  }
});

t.test("a message that is none is named by its number and what is wrong with it", async (t) => {
  const cases: readonly (readonly [over: object, where: RegExp])[] = [
    [{ id: "short" }, /\/id/],
    [{ id: null }, /\/id/],
    [{ from: "" }, /\/from/],
    [{ from: "x".repeat(65) }, /\/from/],
    [{ to: 7 }, /\/to/],
    [{ text: undefined }, /./],
    [{ text: "x".repeat(70_000) }, /\/text/],
    [{ at: 7 }, /\/at/],
    [{ direction: "sideways" }, /\/direction/],
    [{ direction: undefined }, /./],
    [{ fromAccount: "alice" }, /\/fromAccount/],
    [{ toAccounts: [] }, /to whom it went/],
    [{ toAccounts: [PEER, ACCOUNT] }, /\/toAccounts/],
  ];
  for (const [over, where] of cases) {
    const content = fileOf([message(1), message(2, over), message(3)]);
    await t.rejects(read(content), { code: "badRequest", message: /^Message 2 of / }, JSON.stringify(over));
    await t.rejects(read(content), { message: where }, JSON.stringify(over).slice(0, 80));
  }
  await t.rejects(read(fileOf([7 as unknown as object])), { message: /^Message 1 of / });
});

t.test("all that stands before what is wrong is returned first", async (t) => {
  const good = [message(1), message(2)];
  const files = [
    fileOf([...good, message(3, { id: "short" }), message(4)]),
    fileOf([...good, message(3)]).replace("message 3", 'mess"age 3'),
    fileOf([...good, message(3)]).slice(0, -20),
  ];
  for (const file of files) {
    const all: Read = { heads: [], messages: [] };
    await t.rejects(read(file, PASSWORD, all), { code: "badRequest" });
    t.same(
      all.messages.map(({ number }) => number),
      [1, 2],
    );
  }
});

t.test("the longest text that can be sent is read, however it is escaped", async (t) => {
  const text = "\u0007".repeat(64 * 1024);
  const { messages } = await read(fileOf([message(1, { text }), message(2)]));
  t.equal(messages.length, 2);
  t.ok(messages[0]?.message?.text === text);
});

t.test("times that are none are not known", async (t) => {
  const times = ["yesterday", "", "-271821-04-20T00:00:00.000Z", "1960-01-01T00:00:00Z"];
  const { messages } = await read(fileOf(times.map((at, index) => message(index + 1, { at }))));
  t.same(
    messages.map(({ message }) => message?.at),
    times.map(() => 0),
  );
});

t.test("a sealed file opens under its password only", async (t) => {
  const sealer = await FileSealer.create(SEALED_EXPORT, PASSWORD);
  const content = Buffer.from(fileOf(Array.from({ length: 2_000 }, (_, index) => message(index + 1))));
  const file = Buffer.concat([sealer.head, await sealer.seal(content, true)]);
  t.equal((await read(file)).messages.length, 2_000);
  const failure = {
    code: "undecryptable",
    message: /does not open: the password is another one, or the file is damaged/,
  };
  await t.rejects(read(file, "Correct horse"), failure);
  await t.rejects(read(file.subarray(0, -1)), failure);
  const damaged = Buffer.from(file);
  damaged[70_000] = (damaged[70_000] ?? 0) ^ 1;
  await t.rejects(read(damaged), failure);
});

t.test("what is not there, or no file, is told", async (t) => {
  const password = (): Promise<string> => Promise.resolve(PASSWORD);
  await t.rejects(HistoryFile.open(join(folder, "none"), password), {
    code: "badRequest",
    message: /no file/,
  });
  await mkdir(join(folder, "inner"));
  await t.rejects(HistoryFile.open(join(folder, "inner"), password), { code: "badRequest" });
});

t.test("what was sent to a group says to which; a change of one has no text to take over", async (t) => {
  const group = { id: "5c".repeat(32), title: "Climbing" };
  const toGroup = { toAccounts: [], to: `#${"x".repeat(512)}`, group };
  const { messages } = await read(fileOf([message(1, toGroup), message(2, { direction: "changed", group })]));
  t.match(messages, [
    { message: { toWhom: { kind: "group", group: group.id }, to: toGroup.to } },
    { number: 2, message: null },
  ]);
  for (const over of [{ toAccounts: [] }, { to: "x".repeat(100) }, { ...toGroup, to: "x".repeat(600) }]) {
    await t.rejects(read(fileOf([message(1, over)])), { code: "badRequest", message: /Message 1 of/ });
  }
});
