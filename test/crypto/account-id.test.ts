import t from "tap";
import { accountIdOf } from "../../src/crypto/account-id.js";
import { directConversation } from "../../src/crypto/conversation.js";
import { bytesOf, independent } from "./vectors.js";

const { alice, bob, carol, envelope } = independent;

t.test("an account's id is the hash of its identity key", async (t) => {
  for (const { card, account } of [alice, bob, carol]) {
    t.equal(await accountIdOf(bytesOf(card.identityKey)), account);
  }
});

t.test("the conversation of two people has one id, whoever computes it", async (t) => {
  t.equal(await directConversation(alice.account, bob.account), envelope.conversation);
  t.equal(await directConversation(bob.account, alice.account), envelope.conversation);
  t.not(await directConversation(alice.account, carol.account), envelope.conversation);
  t.not(await directConversation(alice.account, alice.account), envelope.conversation);
});
