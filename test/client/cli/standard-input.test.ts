import { Readable } from "node:stream";
import t from "tap";
import { readText } from "../../../src/client/cli/standard-input.js";

const from = (...chunks: (string | Buffer)[]) => Readable.from(chunks.map((chunk) => Buffer.from(chunk)));

t.test("a text is read to its end, whole, without the line break that ends it", async (t) => {
  t.equal(await readText(from("one\n", "two\n")), "one\ntwo");
  t.equal(await readText(from("one\r\n")), "one");
  t.equal(await readText(from("blank line kept\n\n")), "blank line kept\n");
  const letter = Buffer.from("ü");
  t.equal(await readText(from(letter.subarray(0, 1), letter.subarray(1))), "ü", "a letter in two halves");
});

t.test("nothing, something that is no text, and too much are refused", async (t) => {
  await t.rejects(readText(from()), { code: "badRequest", message: /no text/ });
  await t.rejects(readText(from("\n")), { code: "badRequest" });
  await t.rejects(readText(from(Buffer.from([0xff, 0xfe]))), { code: "badRequest", message: /UTF-8/ });
  await t.rejects(readText(from(Buffer.alloc(1024 * 1024), "x")), { code: "tooLarge" });
});
