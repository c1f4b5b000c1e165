/** Accounts and sessions for the tests of their stores. */
import { randomBytes } from "node:crypto";
import { toBase64Url } from "../../src/protocol/bytes.js";
import type { Card, Stretching, VaultRecord } from "../../src/protocol/http.js";
import { parseUserName, readId16, type AccountId, type DeviceId } from "../../src/protocol/ids.js";
import type { NewAccount } from "../../src/store/accounts.js";
import type { NewSession } from "../../src/store/sessions.js";

export const COST: Stretching = { algorithm: "argon2id", iterations: 3, memoryKiB: 65536, parallelism: 4 };
/** Every byte there is: nothing of it may be mangled on its way. */
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, index) => index);

export const newAccountId = (): AccountId => readId16<AccountId>(randomBytes(16));
export const newDeviceId = (): DeviceId => readId16<DeviceId>(randomBytes(16));

export function cardOf(name: string): Card {
  const folded = parseUserName(name);
  if (folded === null) throw new Error("the test names a name that is none");
  return {
    name: folded,
    identityKey: toBase64Url(randomBytes(32)),
    encryptionKey: toBase64Url(ALL_BYTES),
    generation: 0xffffffff,
    signature: toBase64Url(randomBytes(64)),
  };
}

export function vaultOf(): VaultRecord {
  return {
    generation: 1,
    sealed: toBase64Url(ALL_BYTES),
    wrappings: [
      { kind: "password", wrapped: toBase64Url(randomBytes(80)) },
      { kind: "recovery", wrapped: toBase64Url(randomBytes(80)) },
    ],
  };
}

export function newAccount(name: string, over: Partial<NewAccount> = {}): NewAccount {
  return {
    account: newAccountId(),
    card: cardOf(name),
    record: `record of ${name}`,
    stretching: COST,
    vault: vaultOf(),
    ...over,
  };
}

export function newSession(account: AccountId, at = 1_700_000_000_000): NewSession {
  return { account, device: newDeviceId(), tokenHash: new Uint8Array(randomBytes(32)), label: "a test", at };
}
