/** A group of nine over the whole system in one thread: everybody's history is exactly what it should be. */
import { createHash } from "node:crypto";
import t from "tap";
import { checkHistory } from "../../bench/history/checker.js";
import type { ArchiveRecord, HistoryEvent } from "../../bench/history/events.js";
import { describeViolation, isClean } from "../../bench/history/verdict.js";
import type { Client } from "../../src/client/core/client.js";
import type { HistoryEntry } from "../../src/client/core/messages.js";
import type { UserName } from "../../src/protocol/ids.js";
import { engines } from "../engines/engines.js";
import { Ear, System } from "./system.js";

const GROUP = "#Nine";

/** What people do, written down for the history checker: a text is a message's name. */
class Record {
  readonly events: HistoryEvent[] = [];
  #now = 0;
  #sent = 0;

  constructor(private readonly conversation: string) {}

  async send(client: Client, device: string): Promise<void> {
    const message = `${client.me.name} says ${++this.#sent}`;
    this.events.push({
      type: "sent",
      at: this.#now++,
      device,
      account: client.me.account,
      conversation: this.conversation,
      message,
      recipients: null,
      digest: digestOf(message),
    });
    try {
      const { missed } = await client.send(GROUP, message);
      this.events.push({ type: "accepted", at: this.#now++, message, refused: missed });
    } catch (error) {
      const { code } = error as { code: string };
      this.events.push({ type: "refused", at: this.#now++, message, code });
    }
  }

  async change(account: string, member: boolean, changing: () => Promise<unknown>): Promise<void> {
    const at = this.#now++;
    const change = {
      type: "membership",
      at,
      until: null,
      conversation: this.conversation,
      account,
      member,
    } as const;
    const index = this.events.push(change) - 1;
    await changing();
    this.events[index] = { ...change, until: this.#now++ };
  }
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** What people wrote, without changes and titles. */
function isSaid({ direction, text }: HistoryEntry): boolean {
  return direction !== "changed" && / says \d+$/.test(text);
}

async function archiveOf(
  client: Client,
  device: string | null,
  conversation: string,
): Promise<ArchiveRecord> {
  const entries: HistoryEntry[] = [];
  for await (const page of client.wholeHistory()) entries.push(...page.filter(isSaid));
  return {
    account: client.me.account,
    device,
    entries: entries.map(({ text, fromAccount }) => ({
      message: text,
      sender: fromAccount ?? "",
      conversation,
      digest: digestOf(text),
    })),
  };
}

for (const engine of engines().filter(({ name, concurrent }) => name === "pg-mem" || concurrent)) {
  t.test(`on ${engine.name}`, { skip: engine.skip }, async (t) => {
    const system = await System.start(engine);
    t.teardown(() => system.close());
    const names = ["anna", "ben", "cleo", "dora", "emil", "finn", "gina", "hugo", "iris"];
    const people = new Map<string, Client>();
    for (const name of names) people.set(name, await system.register(name));
    const late = await system.register("late");
    const client = (name: string): Client => people.get(name) as Client;
    const anna = client("anna");
    const ears: Ear[] = [];
    const online = names.slice(0, 6);
    for (const name of [...online.slice(1), "anna"]) ears.push(await Ear.open(client(name)));
    const secondOfBen = await system.login("ben", "ben's tablet");
    const benSees = await Ear.open(secondOfBen);

    const made = await anna.groups.create("Nine", names.slice(1) as UserName[]);
    t.equal(made.members.length, 9);
    const record = new Record(made.id);
    for (const name of names) await record.change(client(name).me.account, true, () => Promise.resolve());
    await benSees.until(() => benSees.messages.some(({ group }) => group?.title === "Nine"));
    for (const ear of ears.slice(0, -1)) await ear.until(() => ear.messages.length > 0);
    await anna.groups.change("Nine", "promote", ["ben"] as UserName[]);

    // A burst from everybody who is there, in the middle of which one is removed and one added, by two admins at once.
    const burst = async (name: string, device: string, count: number, from: Client): Promise<void> => {
      for (let i = 0; i < count; i++) await record.send(from, `${name}/${device}`);
    };
    const talking = Promise.all([
      ...online.map((name) => burst(name, "1", 12, client(name))),
      burst("ben", "2", 12, secondOfBen),
    ]);
    await record.send(anna, "anna/1");
    await Promise.all([
      record.change(client("cleo").me.account, false, () =>
        anna.groups.change("Nine", "remove", ["cleo"] as UserName[]),
      ),
      record.change(late.me.account, true, () =>
        secondOfBen.groups.change("Nine", "add", ["late"] as UserName[]),
      ),
    ]);
    await record.send(anna, "anna/1");
    await talking;
    const latesEar = await Ear.open(late);
    await latesEar.until(() => latesEar.live);
    await record.send(late, "late/1");

    // Those who were away come, and all that waited comes to them.
    for (const name of names.slice(6)) {
      const ear = await Ear.open(client(name));
      await ear.until(() => ear.live);
      ears.push(ear);
    }
    const lastWord = await anna.send(GROUP, "that is all");
    t.equal(lastWord.recipients, 8);
    const [bens, , ...others] = ears;
    // Anna's own hears what others say, and Cleo's nothing any more.
    for (const ear of [bens as Ear, ...others.slice(0, 3), ...others.slice(4), benSees, latesEar]) {
      await ear.until(() => ear.texts.includes("that is all"));
    }
    for (const ear of [...ears, benSees, latesEar]) await ear.stop();

    const archives: ArchiveRecord[] = [];
    for (const [name, device] of [...people, ["late", late] as const]) {
      const reader = await system.login(name, `${name}'s reader`);
      archives.push(await archiveOf(reader, null, made.id));
      archives.push(await archiveOf(device, `${name}/1`, made.id));
      if (name === "ben") archives.push(await archiveOf(secondOfBen, "ben/2", made.id));
      await reader.close();
    }
    const { counts, violations } = checkHistory(record.events, archives);
    for (const violation of violations) t.fail(describeViolation(violation));
    t.ok(isClean(counts), JSON.stringify(counts));
    t.ok(counts.accepted > 60 && counts.received > 400, JSON.stringify(counts));

    const cleosEnd = await client("cleo").history({ with: made.id, limit: 500 });
    t.equal(cleosEnd.filter(({ direction }) => direction === "changed").at(-1)?.text, "anna removed cleo");
    t.notOk(
      cleosEnd.some(({ text }) => text === "that is all"),
      "not even ciphertext comes to who was removed",
    );
    const latesHistory = await late.history({ with: GROUP, limit: 500 });
    t.equal(
      latesHistory.filter(({ direction }) => direction === "changed").length,
      4,
      "the whole log is shown",
    );
    t.equal(await system.countDeliveries(), 0, "nothing is left waiting");
  });
}
