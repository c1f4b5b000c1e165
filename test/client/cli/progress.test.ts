import t from "tap";
import { sayIfSlow } from "../../../src/client/cli/progress.js";

t.test("who waits long is told why, once", async (t) => {
  const notes: string[] = [];
  let finish: (value: number) => void = () => undefined;
  const work = new Promise<number>((resolve) => (finish = resolve));
  // The work ends only once the note was made.
  const output = {
    note(text: string) {
      notes.push(text);
      finish(42);
    },
  };
  t.equal(await sayIfSlow(output, "hashing", work, 1), 42);
  t.same(notes, ["hashing"]);
});

t.test("work that is quick, or fails quickly, is not commented", async (t) => {
  const notes: string[] = [];
  const output = { note: (text: string) => notes.push(text) };
  const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  await sayIfSlow(output, "hashing", Promise.resolve());
  await t.rejects(sayIfSlow(output, "hashing", Promise.reject(new Error("refused"))), /refused/);
  const after = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  t.equal(after, before, "nothing is left that would tell it later");
  t.same(notes, []);
});
