import t from "tap";
import { ConnectionNotes } from "../../../src/client/cli/connection-notes.js";
import type { ServerId, UserName } from "../../../src/protocol/ids.js";
import { collected } from "./collected.js";

const server = "chat-1" as ServerId;
const error = { code: "unreachable", message: "Nothing there." } as const;

t.test("an outage is told once, however often it is tried, and so is its end", (t) => {
  const { output, stderr } = collected();
  const notes = new ConnectionNotes(output);
  notes.onStatus({ kind: "connecting" });
  notes.onStatus({ kind: "live", server });
  t.equal(stderr(), "", "a connection that comes about is not worth a word");
  for (let i = 0; i < 3; i++) notes.onStatus({ kind: "offline", error, retryMs: 10 });
  t.same(notes.lost, error);
  notes.onStatus({ kind: "connected", server });
  notes.onStatus({ kind: "live", server });
  t.equal(notes.lost, null);
  t.equal(stderr(), "fastchat: Nothing there. Trying again…\nfastchat: connected again.\n");
  t.end();
});

t.test("the archive's going and coming is told", (t) => {
  const { output, stderr } = collected();
  const notes = new ConnectionNotes(output);
  notes.onStatus({ kind: "archive", online: true, error: null });
  notes.onStatus({ kind: "archive", online: false, error });
  notes.onStatus({ kind: "archive", online: false, error });
  notes.onStatus({ kind: "archive", online: true, error: null });
  t.match(stderr(), /^fastchat: the archive is away;.*\nfastchat: the archive is back\.\n$/);
  t.end();
});

t.test("who is let in nowhere is not told that the archive is away", (t) => {
  const { output, stderr } = collected();
  const notes = new ConnectionNotes(output);
  const suspended = { code: "suspended", message: "This account is suspended." } as const;
  notes.onStatus({ kind: "archive", online: false, error: suspended });
  t.equal(stderr(), "");
  t.end();
});

t.test("a full archive is told once, however often it is asked, and so is its end", (t) => {
  const { output, stderr } = collected();
  const notes = new ConnectionNotes(output);
  const full = { code: "quotaExceeded", message: "The archive has no room for these entries." } as const;
  notes.onStatus({ kind: "archive", online: true, error: null });
  for (let i = 0; i < 3; i++) notes.onStatus({ kind: "archive", online: true, error: full });
  t.match(stderr(), /^fastchat: your archive is full\. .*archiveEntriesPerArchive\.\n$/);
  notes.onStatus({ kind: "archive", online: true, error: null });
  t.match(stderr(), /\nfastchat: the archive takes messages again\.\n$/);
  notes.onStatus({ kind: "archive", online: true, error: { code: "unavailable", message: "Busy." } });
  t.match(stderr(), /\nfastchat: the archive takes nothing at the moment: Busy\.\n$/);
  t.end();
});

t.test("a changed identity key is an alarm, with what to do", (t) => {
  const { output, stderr } = collected();
  new ConnectionNotes(output).onStatus({ kind: "keyChanged", name: "bob" as UserName });
  t.match(stderr(), /another identity key for bob.*fastchat verify/);
  t.end();
});
