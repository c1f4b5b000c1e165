import t from "tap";
import {
  askPassword,
  choosePassword,
  preparePassword,
  refuseWeakPassword,
} from "../../../src/client/cli/password.js";
import { noTerminal, terminal } from "./terminal.js";

t.test("a password has one spelling, whatever the keyboard", (t) => {
  t.equal(preparePassword("pa\u0308sswo\u0308rd"), "p\u00e4ssw\u00f6rd", "composed");
  t.equal(preparePassword("two\u00a0\u3000words"), "two  words", "every space is the common one");
  t.equal(preparePassword("ﬁne Ⅳ"), "ﬁne Ⅳ", "and nothing else is changed");
  for (const bad of ["", "tab\there", "line\nbreak", "half\ud800", "x".repeat(1025)]) {
    t.throws(() => preparePassword(bad), { code: "badRequest" });
  }
  t.end();
});

t.test("weak passwords are refused at sign-up, by characters and not by bytes", (t) => {
  for (const weak of [
    "short",
    "seven77",
    "äöüäöüä",
    "aaaaaaaaaaaa",
    "abababababab",
    "alice.smith",
    "Alice.Smith42",
  ]) {
    t.throws(
      () => refuseWeakPassword(weak, "alice.smith"),
      { code: "badRequest", message: /too weak/ },
      weak,
    );
  }
  for (const fine of ["correct horse", "äöüß1234", "my name is alice.smith"]) {
    t.doesNotThrow(() => refuseWeakPassword(fine, "alice.smith"), fine);
  }
  t.end();
});

t.test("FASTCHAT_PASSWORD is taken, and taken out of the environment", async (t) => {
  const { source } = terminal();
  source.env["FASTCHAT_PASSWORD"] = "correct horse";
  t.equal(await choosePassword("alice", source), "correct horse");
  t.notOk("FASTCHAT_PASSWORD" in source.env);
  source.env["FASTCHAT_PASSWORD"] = "";
  await t.rejects(askPassword("alice", source), { code: "badRequest", message: /empty/ });
});

t.test("a password is asked for without echo", async (t) => {
  const { source, shown } = terminal("correct horse");
  t.equal(await askPassword("alice", source), "correct horse");
  t.match(shown(), /Password of alice/);
  t.notMatch(shown(), /correct|horse/);
});

t.test("a new password is asked for twice", async (t) => {
  const same = terminal("correct horse", "correct horse");
  t.equal(await choosePassword("alice", same.source), "correct horse");
  t.match(same.shown(), /Choose a password for alice.*Once more/s);
});

t.test("one that will not do is asked for anew, three times in all", async (t) => {
  const mended = terminal("short", "correct horse", "correct house", "correct horse", "correct horse");
  t.equal(await choosePassword("alice", mended.source), "correct horse");
  t.match(
    mended.shown(),
    /too weak.*Choose a password.*Once more.*not the same.*Choose a password.*Once more/s,
  );
  const weak = terminal("short", "aaaaaaaaaaaa", "alice");
  await t.rejects(choosePassword("alice", weak.source), { code: "badRequest", message: /too weak/ });
  t.notMatch(weak.shown(), /Once more/);
  const left = terminal("short", "\u0003");
  await t.rejects(choosePassword("alice", left.source), { name: "Interrupted", exitCode: 130 });
});

t.test("Ctrl-C at the question ends with 130", async (t) => {
  const { source } = terminal("\u0003");
  await t.rejects(askPassword("alice", source), { name: "Interrupted", exitCode: 130 });
});

t.test("without a terminal nothing is asked; the message says what to set", async (t) => {
  const source = noTerminal();
  await t.rejects(askPassword("alice", source), { code: "badRequest", message: /FASTCHAT_PASSWORD/ });
});
