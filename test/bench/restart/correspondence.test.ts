/** The ledger of the restart bench: it must not overlook what is lost, out of order or came twice. */
import t from "tap";
import type { AccountId } from "../../../src/protocol/ids.js";
import { Ledger } from "../../../bench/restart/correspondence.js";

const [ada, ben] = ["a".repeat(32) as AccountId, "b".repeat(32) as AccountId];

function ledgerOf(accepted: readonly number[], received: readonly number[]): Ledger {
  const ledger = new Ledger();
  for (const number of accepted) ledger.accepted(ada, ben, number);
  for (const number of received) ledger.received(ada, ben, number);
  return ledger;
}

t.test("what was accepted and came in its order balances", async (t) => {
  t.same(ledgerOf([1, 2, 3], [1, 2, 3]).balance(), {
    accepted: 3,
    received: 3,
    lost: 0,
    reordered: 0,
    repeated: 0,
  });
});

t.test("a message that did not come is lost", async (t) => {
  t.match(ledgerOf([1, 2, 3], [1, 3]).balance(), { received: 2, lost: 1 });
  t.match(ledgerOf([1], []).balance(), { received: 0, lost: 1 });
});

t.test("one that came first behind a later one is out of order", async (t) => {
  t.match(ledgerOf([1, 2, 3], [2, 1, 3]).balance(), { lost: 0, reordered: 1 });
});

t.test("one that came again is neither lost nor out of order", async (t) => {
  t.match(ledgerOf([1, 2], [1, 2, 1]).balance(), { received: 2, reordered: 0, repeated: 1 });
});

t.test("what was not answered may come, and each pair of people has an order of its own", async (t) => {
  const ledger = ledgerOf([1], [1, 2]);
  ledger.received(ben, ada, 1);
  t.match(ledger.balance(), { accepted: 1, received: 3, lost: 0, reordered: 0 });
});
