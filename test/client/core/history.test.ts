/** Pages of history, from an archive that is not to be trusted. */
import t from "tap";
import type { UserName } from "../../../src/protocol/ids.js";
import { inTime, resume, twoPeople } from "./device.js";
import { Service } from "./service.js";

/** Alice, who wrote ten messages to bob and three to herself. */
async function alicesHistory() {
  const service = new Service();
  const { alice: person, bob, onAlices } = await twoPeople(service);
  const alice = await resume(onAlices);
  for (let index = 0; index < 10; index++) {
    await inTime(service, alice.send("bob", `to bob ${index}`));
    if (index % 4 === 0) await inTime(service, alice.send("alice", `note ${index}`));
  }
  const archive = service.archive.archives.get(person.contents.archive.id);
  if (archive === undefined) throw new Error("there is no archive");
  await inTime(service, () => archive.entries.length === 14);
  return { service, alice, archive, onAlices, bob };
}

t.test("the newest page comes first, each page oldest first, as far back as it goes", async (t) => {
  const { service, alice } = await alicesHistory();
  const pages: string[][] = [];
  let before: number | undefined;
  for (;;) {
    const page = await alice.history({ limit: 5, ...(before === undefined ? {} : { before }) });
    if (page.length === 0) break;
    pages.push(page.map(({ text }) => text));
    before = page[0]?.counter;
  }
  t.strictSame(pages, [
    ["to bob 6", "to bob 7", "to bob 8", "note 8", "to bob 9"],
    ["to bob 2", "to bob 3", "to bob 4", "note 4", "to bob 5"],
    ["to bob 0", "note 0", "to bob 1"],
  ]);
  await inTime(service, alice.close());
});

t.test("a conversation's page holds that conversation only", async (t) => {
  const { service, alice } = await alicesHistory();
  const notes = await alice.history({ with: "alice" });
  t.strictSame(
    notes.map(({ text, from, to, direction }) => [text, from, to, direction]),
    [0, 4, 8].map((index) => [`note ${index}`, "alice", "alice", "sent"]),
  );
  t.equal((await alice.history({ with: "bob", limit: 500 })).length, 10);
  t.strictSame(
    (await alice.history({ with: "bob", limit: 2 })).map(({ text }) => text),
    ["to bob 8", "to bob 9"],
  );
  await inTime(service, alice.close());
});

t.test("entries that were damaged, moved or swapped are shown as invalid, never as genuine", async (t) => {
  const { service, alice, archive } = await alicesHistory();
  const [, ...messages] = archive.entries;
  const [first, second, third] = messages;
  if (first === undefined || second === undefined || third === undefined) throw new Error("too few entries");
  const kept = first.sealed;
  first.sealed = second.sealed;
  second.sealed = kept;
  third.sealed = third.sealed.slice();
  third.sealed[40] = (third.sealed[40] as number) ^ 1;
  const history = await alice.history({ limit: 500 });
  t.strictSame(
    history.slice(0, 4).map(({ direction, id, text }) => [direction, id === null, text]),
    [
      ["invalid", true, ""],
      ["invalid", true, ""],
      ["invalid", true, ""],
      ["sent", false, "to bob 2"],
    ],
  );
  await inTime(service, alice.close());
});

t.test("the whole history comes from its beginning, of everybody or of one", async (t) => {
  const { service, alice } = await alicesHistory();
  const read = async (peer?: string): Promise<string[]> => {
    const texts: string[] = [];
    for await (const page of alice.wholeHistory(peer)) texts.push(...page.map(({ text }) => text));
    return texts;
  };
  const backwards = (await alice.history({ limit: 500 })).map(({ text }) => text);
  t.strictSame(await inTime(service, read()), backwards);
  t.strictSame(await inTime(service, read("alice")), ["note 0", "note 4", "note 8"]);
  t.throws(() => alice.wholeHistory("no name!"), { code: "badName" });
  await inTime(service, alice.close());
});

t.test("an archive that goes round in circles is left", async (t) => {
  const { service, alice, archive } = await alicesHistory();
  archive.entries.reverse();
  await inTime(service, t.rejects(alice.history({ limit: 500 }), { code: "badFrame" }));
  await inTime(service, alice.close());
});

t.test("what is no page, and nobody's name, is refused", async (t) => {
  const { service, alice } = await alicesHistory();
  for (const limit of [0, 501, 1.5, Number.NaN]) {
    await t.rejects(alice.history({ limit }), { code: "badRequest" });
  }
  await t.rejects(alice.history({ with: "no name!" }), { code: "badName" });
  await inTime(service, t.rejects(alice.history({ with: "nobody" }), { code: "noSuchAccount" }));
  await inTime(service, alice.close());
});

t.test("an account whose name cannot be had is shown by its id", async (t) => {
  const { service, alice, onAlices, bob } = await alicesHistory();
  await inTime(service, alice.close());
  service.accounts.delete("bob" as UserName);
  const again = await resume(onAlices.restart());
  const history = (await inTime(service, again.history({ limit: 1 }))) ?? [];
  t.match(history, [{ from: "alice", to: bob.account, text: "to bob 9" }]);
  await inTime(service, again.close());
});
