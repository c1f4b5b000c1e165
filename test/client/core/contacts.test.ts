/** Cards, and the pins that all devices of an account share. */
import t from "tap";
import { signCard } from "../../../src/crypto/card.js";
import { identityFromSeed } from "../../../src/crypto/identity.js";
import { PATHS, type Card } from "../../../src/protocol/http.js";
import type { UserName } from "../../../src/protocol/ids.js";
import type { Person } from "../../crypto/people.js";
import { inTime, listenTo, resume, signedIn, twoPeople } from "./device.js";
import { bobsMail, historyOf } from "./mail.js";
import { Service } from "./service.js";

const bobs = "bob" as UserName;

/** What a service gives out that puts somebody else in bob's place. */
async function impostor(bob: Person, generation = 1): Promise<{ card: Card; id: Person["account"] }> {
  const identity = await identityFromSeed(new Uint8Array(32).fill(9));
  const card = await signCard({
    name: bobs,
    generation,
    encryptionKey: bob.verified.encryptionKey,
    identity,
  });
  return { card, id: identity.account };
}

function replaceBob(service: Service, id: Person["account"], card: Card): void {
  const known = service.accounts.get(bobs);
  if (known === undefined) throw new Error("bob has no account");
  service.addAccount(bobs, id, card, known.vault, known.record);
}

t.test("a name that stands for another identity than the one pinned gets no message", async (t) => {
  const service = new Service();
  const { bob, onAlices } = await twoPeople(service);
  const alice = await resume(onAlices);
  await inTime(service, alice.send("bob", "hello"));
  await inTime(service, alice.close());
  const { card, id } = await impostor(bob);
  replaceBob(service, id, card);
  const again = await resume(onAlices.restart());
  await inTime(service, t.rejects(again.send("bob", "secret"), { code: "keyChanged" }));
  t.equal(service.sends.length, 1);
  await inTime(service, again.close());
});

t.test("who is known can be written to while the balancer is away, however old the card is", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  const alice = await resume(onAlices);
  await inTime(service, alice.send("bob", "hello"));
  service.balancerAway = true;
  service.clock.sleep(2 * 3_600_000);
  await inTime(service, alice.send("bob", "later"));
  await inTime(service, t.rejects(alice.send("carol", "who are you?"), { code: "unreachable" }));
  t.equal(service.sends.length, 2);
  await inTime(service, alice.close());
});

t.test(
  "who was written to before can be written to offline, from a client that was just started",
  async (t) => {
    const service = new Service();
    const { onAlices, onBobs } = await twoPeople(service);
    const alice = await resume(onAlices);
    await inTime(service, alice.send("bob", "hello"));
    await inTime(service, alice.close());
    service.balancerAway = true;
    const offline = onAlices.restart();
    const again = await resume(offline, { sendPatienceMs: 2_000 });
    const asked = service.requests.length;
    const sending = ["kept", "as well"].map((text) =>
      t.rejects(again.send("bob", text), { code: "unreachable", message: /is kept/ }),
    );
    await inTime(service, Promise.all(sending));
    const cards = service.requests.slice(asked).filter((request) => request.includes(PATHS.cards));
    t.equal(cards.length, 1, "nobody waits for the balancer twice");
    await inTime(service, again.close());
    service.balancerAway = false;
    const online = await resume(offline.restart());
    await inTime(service, online.send("bob", "online"));
    t.strictSame(await historyOf(service, online), ["hello", "kept", "as well", "online"]);
    await inTime(service, online.close());
    t.strictSame((await bobsMail(service, onBobs)).texts, ["hello", "kept", "as well", "online"]);
  },
);

t.test("a pin of one device holds on all others", async (t) => {
  const service = new Service();
  const { alice, bob, onAlices } = await twoPeople(service);
  const first = await resume(onAlices);
  await inTime(service, first.send("bob", "hello"));
  await inTime(service, first.close());
  const { card, id } = await impostor(bob);
  replaceBob(service, id, card);
  const second = await resume(await signedIn(service, alice, "alice"));
  await inTime(service, t.rejects(second.send("bob", "secret"), { code: "keyChanged" }));
  await inTime(service, t.rejects(second.history({ with: "bob" }), { code: "keyChanged" }));
  t.equal(service.sends.length, 1);
  replaceBob(service, bob.account, bob.card);
  await inTime(service, second.send("bob", "it is you again"));
  await inTime(service, second.close());
});

t.test(
  "while the archive is away one may write to somebody new; a conflict shows once it is back",
  async (t) => {
    const service = new Service();
    const { alice, bob, onAlices } = await twoPeople(service);
    const first = await resume(onAlices);
    await inTime(service, first.send("bob", "hello"));
    await inTime(service, first.close());
    const { card, id } = await impostor(bob);
    replaceBob(service, id, card);
    service.archive.leave();
    const second = await resume(await signedIn(service, alice, "alice"));
    const alarms: string[] = [];
    await second.listen({
      onMessage: () => undefined,
      onStatus: (status) => {
        if (status.kind === "keyChanged") alarms.push(status.name);
      },
    });
    await inTime(service, second.send("bob", "to whoever that is"));
    t.strictSame(alarms, []);
    service.archive.away = false;
    await inTime(service, () => alarms.length > 0);
    t.strictSame(alarms, ["bob"]);
    await inTime(service, t.rejects(second.send("bob", "again"), { code: "keyChanged" }));
    t.equal(service.sends.length, 2);
    await inTime(service, second.close());
  },
);

t.test("a pin that was made while the archive was away is archived later", async (t) => {
  const service = new Service();
  const { alice, bob, onAlices } = await twoPeople(service);
  service.archive.away = true;
  const first = await resume(onAlices);
  await inTime(service, first.send("bob", "hello"));
  await inTime(service, first.close());
  service.archive.away = false;
  const next = await resume(onAlices.restart());
  await inTime(service, next.send("bob", "once more"));
  await inTime(service, next.close());
  const { card, id } = await impostor(bob);
  replaceBob(service, id, card);
  const second = await resume(await signedIn(service, alice, "alice"));
  await inTime(service, t.rejects(second.send("bob", "secret"), { code: "keyChanged" }));
  await inTime(service, second.close());
});

t.test("a newer encryption key of the same identity is taken, an older one is not", async (t) => {
  const service = new Service();
  const { alice, bob, onAlices } = await twoPeople(service);
  const newer = await signCard({
    name: bobs,
    generation: 2,
    encryptionKey: alice.verified.encryptionKey,
    identity: bob.keys.identity,
  });
  const first = await resume(onAlices);
  await inTime(service, first.send("bob", "to the first key"));
  await inTime(service, first.close());
  replaceBob(service, bob.account, newer);
  const next = onAlices.restart();
  const second = await resume(next);
  await inTime(service, second.send("bob", "to the second key"));
  await inTime(service, second.close());
  replaceBob(service, bob.account, bob.card);
  const third = await resume(next.restart());
  await inTime(
    service,
    t.rejects(third.send("bob", "to the first key"), { code: "keyChanged", message: /older card/ }),
  );
  await inTime(service, third.close());
});

t.test("a card that is forged, or somebody else's, is not written to", async (t) => {
  const service = new Service();
  const { alice, bob, onAlices } = await twoPeople(service);
  const client = await resume(onAlices);
  replaceBob(service, bob.account, { ...bob.card, signature: alice.card.signature });
  await inTime(service, t.rejects(client.send("bob", "hello"), { code: "undecryptable" }));
  replaceBob(service, bob.account, alice.card);
  await inTime(service, t.rejects(client.send("bob", "hello"), { code: "badFrame" }));
  t.equal(service.sends.length, 0);
  await inTime(service, client.close());
});

t.test("nobody else is taken for oneself", async (t) => {
  const service = new Service();
  const { onAlices } = await twoPeople(service);
  const client = await resume(onAlices);
  const { texts } = await listenTo(client);
  await inTime(service, client.send("alice", "note"));
  await inTime(service, () => texts().length === 1);
  t.notOk(
    service.requests.some((request) => request.includes("/cards")),
    "one's own card is at hand",
  );
  t.strictSame(await historyOf(service, client), ["note"]);
  await inTime(service, client.close());
});

t.test("an archive that shows another one's pin in the place of a contact's is not believed", async (t) => {
  const service = new Service();
  const { alice: person, bob, onAlices } = await twoPeople(service);
  const alice = await resume(onAlices);
  await inTime(service, alice.send("bob", "hello"));
  await inTime(service, () => service.archive.entriesOf(person.contents.archive.id).length === 2);
  await inTime(service, alice.close());
  const { card, id } = await impostor(bob);
  // Pinned by an account that the service has given another name meanwhile: a pin as genuine as any.
  const mallory = await signCard({
    ...bob.verified,
    name: "mallory" as UserName,
    identity: await identityFromSeed(new Uint8Array(32).fill(9)),
  });
  const known = service.accounts.get(bobs);
  if (known === undefined) throw new Error("bob has no account");
  service.addAccount("mallory" as UserName, id, mallory, known.vault, known.record);
  const first = await resume(onAlices.restart());
  await inTime(service, first.send("mallory", "hello"));
  await inTime(service, () => service.archive.entriesOf(person.contents.archive.id).length === 4);
  await inTime(service, first.close());
  replaceBob(service, id, card);
  const pins = service.archive
    .entriesOf(person.contents.archive.id)
    .filter(({ chat }, _, [pin]) => pin !== undefined && chat.every((byte, at) => byte === pin.chat[at]));
  t.equal(pins.length, 2);
  service.archive.instead = pins[1] ?? null;
  const second = await resume(await signedIn(service, person, "alice"));
  await inTime(service, t.rejects(second.send("bob", "secret"), { code: "badFrame" }));
  service.archive.instead = null;
  await inTime(service, t.rejects(second.send("bob", "secret"), { code: "keyChanged" }));
  await inTime(service, second.close());
});
