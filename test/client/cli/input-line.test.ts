import { PassThrough } from "node:stream";
import t from "tap";
import { InputLine } from "../../../src/client/cli/input-line.js";

// A dumb terminal gets no line editing from Node.
process.env["TERM"] = "xterm";

interface Scene {
  readonly line: InputLine;
  readonly input: PassThrough;
  readonly screen: () => string[];
  readonly interrupts: () => number;
  readonly print: (text: string) => void;
}

/** A terminal so small that it understands only what the line editor uses: text, CR, LF, and three escape sequences. */
class Screen {
  #rows: string[][] = [[]];
  #row = 0;
  #column = 0;

  constructor(private readonly columns: number) {}

  write(text: string): void {
    for (const token of text.match(/\u001b\[\d*[A-Za-z]|[^\u001b]/gu) ?? []) this.#token(token);
  }

  rows(): string[] {
    return this.#rows.map((row) => row.join("").trimEnd());
  }

  #token(token: string): void {
    const count = Number(/\d+/.exec(token)?.[0] ?? "1");
    if (token === "\r") this.#column = 0;
    else if (token === "\n") this.#down();
    else if (token.endsWith("G") && token.length > 1) this.#column = count - 1;
    else if (token.endsWith("A") && token.length > 1) this.#row = Math.max(0, this.#row - count);
    else if (token.endsWith("B") && token.length > 1)
      this.#row = Math.min(this.#rows.length - 1, this.#row + count);
    else if (token.endsWith("C") && token.length > 1) this.#column += count;
    else if (token.endsWith("D") && token.length > 1) this.#column = Math.max(0, this.#column - count);
    else if (token.endsWith("J") && token.length > 1) {
      this.#rows.length = this.#row + 1;
      this.#current().length = Math.min(this.#current().length, this.#column);
    } else if (token.startsWith("\u001b")) throw new Error(`unknown sequence ${JSON.stringify(token)}`);
    else {
      if (this.#column === this.columns) {
        this.#column = 0;
        this.#down();
      }
      const row = this.#current();
      while (row.length < this.#column) row.push(" ");
      row[this.#column++] = token;
    }
  }

  #down(): void {
    this.#row += 1;
    this.#rows[this.#row] ??= [];
  }

  #current(): string[] {
    return (this.#rows[this.#row] ??= []);
  }
}

function scene(terminal: boolean, columns = 20): Scene {
  const input = new PassThrough();
  const screen = new Screen(columns);
  const output = Object.assign(new PassThrough(), { columns, isTTY: terminal });
  const write = output.write.bind(output);
  output.write = ((chunk: string) => {
    screen.write(chunk.replaceAll("\n", "\r\n").replaceAll("\r\r\n", "\r\n"));
    return write(chunk);
  }) as typeof output.write;
  output.resume();
  let interrupts = 0;
  const line = new InputLine({
    input,
    output,
    prompt: "me> ",
    terminal,
    onInterrupt: () => (interrupts += 1),
  });
  const print = (text: string): void => {
    line.hide();
    output.write(`${text}\n`);
    line.show();
  };
  return { line, input, screen: () => screen.rows(), interrupts: () => interrupts, print };
}

t.test("what is printed stands above the line that is being typed, which is kept", async (t) => {
  const { line, input, screen, print } = scene(true);
  line.prompt();
  input.write("hello");
  await settled();
  t.same(screen(), ["me> hello"]);
  print("bob: hi");
  t.same(screen(), ["bob: hi", "me> hello"]);
  input.write(" you\r");
  t.equal(await line.next(), "hello you");
});

t.test("a line that was begun is gone on with, and what is left of it can be kept", async (t) => {
  const { line, input, screen } = scene(true);
  line.prompt();
  line.begin("begun");
  t.same(screen(), ["me> begun"]);
  input.write(", done\r");
  t.equal(await line.next(), "begun, done");
  input.write("and left");
  await settled();
  t.equal(line.begun, "and left");
  line.close();
  t.equal(line.begun, "and left");
});

t.test("where there is no terminal there is no line to begin", async (t) => {
  const { line, input } = scene(false);
  line.begin("begun");
  input.write("half");
  await settled();
  t.equal(line.begun, "");
  input.end();
  t.equal(await line.next(), "half");
});

t.test("a line that wraps over several rows is kept too, and the cursor where it was", async (t) => {
  const { line, input, screen, print } = scene(true, 12);
  line.prompt();
  input.write("abcdefghijklmnop");
  await settled();
  t.same(screen(), ["me> abcdefgh", "ijklmnop"]);
  input.write("\u001b[D\u001b[D");
  await settled();
  print("one");
  print("two");
  t.same(screen(), ["one", "two", "me> abcdefgh", "ijklmnop"]);
  input.write("X");
  await settled();
  input.write("\r");
  t.equal(await line.next(), "abcdefghijklmnXop");
});

t.test("lines come in order, also those typed before anybody asked, and then the end", async (t) => {
  for (const terminal of [true, false]) {
    const { line, input } = scene(terminal);
    input.write("one\ntwo\n");
    input.end("three");
    await settled();
    t.same([await line.next(), await line.next(), await line.next()], ["one", "two", "three"]);
    t.equal(await line.next(), null);
    t.equal(await line.next(), null);
  }
});

t.test("where there is no terminal nothing is drawn", async (t) => {
  const { line, input, screen, print } = scene(false);
  line.prompt();
  input.write("hello\n");
  t.equal(await line.next(), "hello");
  print("bob: hi");
  t.same(screen(), ["bob: hi", ""]);
});

t.test("Ctrl-C interrupts, Ctrl-D ends the input, and printing goes on after that", async (t) => {
  const { line, input, screen, interrupts, print } = scene(true);
  line.prompt();
  input.write("\u0003");
  await settled();
  t.equal(interrupts(), 1);
  input.write("\u0004");
  t.equal(await line.next(), null);
  print("bob: bye");
  t.match(screen().join("\n"), /bob: bye/);
  line.close();
  line.close();
  t.equal(screen().at(-1), "", "what comes after it starts on a line of its own");
});

/** Streams hand on what was written within a few turns of the event loop. */
async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
