/** The question which of several groups with one title is meant. */
import { PassThrough } from "node:stream";
import t from "tap";
import type { GroupSummary } from "../../../src/client/core/messages.js";
import { groupChooser } from "../../../src/client/cli/which-group.js";
import type { ConversationId } from "../../../src/protocol/ids.js";

const groups = ["a", "b"].map((digit) => {
  const members = [{ name: "alice" }, { name: `bob\u001b${digit}` }];
  return {
    id: digit.repeat(64) as ConversationId,
    members,
    isMember: digit === "a",
  } as unknown as GroupSummary;
});

/** Answers the question; `null` ends the input instead. */
async function asked(answer: string | null) {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const stderr = new PassThrough();
  const choose = groupChooser({ stdin, stderr }, new AbortController().signal);
  const choosing = choose?.("Team\u001b", groups);
  if (answer === null) stdin.end();
  else stdin.write(`${answer}\n`);
  const chosen = await choosing;
  return { chosen, shown: String(stderr.read()) };
}

t.test("each is shown with its members, and named by its number", async (t) => {
  const { chosen, shown } = await asked("2");
  t.equal(chosen, "b".repeat(64));
  t.match(
    shown,
    /Several groups .*\n {2}1 {2}aaaaaaaa {2}alice, bob.*\n {2}2 {2}bbbbbbbb {2}alice, bob.* \(left\)\nWhich one, 1 to 2\? /,
  );
  t.notMatch(shown, "\u001b", "names are nobody's way to the terminal");
});

t.test("whatever is no number of one chooses none", async (t) => {
  for (const answer of ["", "0", "3", "1.5", "x", null])
    t.equal((await asked(answer)).chosen, null, String(answer));
});

t.test("nobody is asked without a terminal, and an interruption ends the question", async (t) => {
  t.equal(
    groupChooser({ stdin: new PassThrough(), stderr: new PassThrough() }, new AbortController().signal),
    undefined,
  );
  const controller = new AbortController();
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const choosing = groupChooser({ stdin, stderr: new PassThrough() }, controller.signal)?.("Team", groups);
  controller.abort(new Error("interrupted"));
  await t.rejects(choosing as Promise<unknown>, { message: "interrupted" });
});
