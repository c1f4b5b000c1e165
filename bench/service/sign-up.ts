/** Accounts for the laboratory, by the hundred: real ones to the service, whose vaults nobody will open. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { client as opaque, ready } from "@serenity-kit/opaque";
import { signCard } from "../../src/crypto/card.js";
import { identityFromSeed, newIdentitySeed } from "../../src/crypto/identity.js";
import { Doorway } from "../../src/client/core/balancer.js";
import type { HttpClient } from "../../src/client/core/ports.js";
import { toBase64Url } from "../../src/protocol/bytes.js";
import type { SignedIn } from "../../src/protocol/http.js";
import { parseUserName } from "../../src/protocol/ids.js";

/** Settings of a system that lets a laboratory's people in: the password hash is the clients' cost, not the service's. */
export const OPEN_DOORS = {
  FASTCHAT_PASSWORD_ITERATIONS: "1",
  FASTCHAT_PASSWORD_MEMORY_KIB: "8",
  FASTCHAT_PASSWORD_PARALLELISM: "1",
  FASTCHAT_LIMITS_LOGINS_PER_MINUTE_PER_ADDRESS: "100000000",
  FASTCHAT_LIMITS_LOGINS_PER_MINUTE_PER_ACCOUNT: "100000000",
  FASTCHAT_LIMITS_LOGINS_PER_MINUTE_PER_ACCOUNT_AND_ADDRESS: "100000000",
  FASTCHAT_LIMITS_REGISTRATIONS_PER_MINUTE_PER_ADDRESS: "100000000",
  // Everybody comes from one address here.
  FASTCHAT_LIMITS_REQUESTS_PER_MINUTE_PER_ADDRESS: "100000000",
} as const;

/**
 * For a system whose people are lines (line.ts), which stay where they are: a strategy that moves nobody to even out the
 * load. A session that is told to move and does not go is ended after a while.
 */
export const NOBODY_MOVES = { FASTCHAT_STRATEGY: "round-robin" } as const;

/** Sign-ups under way at once. */
const AT_ONCE = 8;
export const PASSWORD = "bench bench bench";

/**
 * Signs up `count` people. They share one RSA key: making one for each would take minutes, and no server looks at it.
 *
 * @param prefix of their names, which are numbered
 */
export async function signUpMany(http: HttpClient, prefix: string, count: number): Promise<SignedIn[]> {
  await ready;
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const encryptionKey = new Uint8Array(rsa.publicKey.export({ type: "spki", format: "der" }));
  const doorway = new Doorway(http);
  const signedUp: SignedIn[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      signedUp[index] = await signUp(doorway, `${prefix}-${index}`, encryptionKey);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, work));
  return signedUp;
}

async function signUp(doorway: Doorway, typed: string, encryptionKey: Uint8Array): Promise<SignedIn> {
  const name = parseUserName(typed);
  if (name === null) throw new Error(`"${typed}" is no user name`);
  const { clientRegistrationState, registrationRequest } = opaque.startRegistration({ password: PASSWORD });
  const { response, stretching } = await doorway.startRegistration({ name, request: registrationRequest });
  const { iterations, memoryKiB, parallelism } = stretching;
  const { registrationRecord } = opaque.finishRegistration({
    password: PASSWORD,
    clientRegistrationState,
    registrationResponse: response,
    identifiers: { client: name, server: "fastchat" },
    keyStretching: { "argon2id-custom": { iterations, memory: memoryKiB, parallelism } },
  });
  const identity = await identityFromSeed(newIdentitySeed());
  const card = await signCard({ name, generation: 1, encryptionKey, identity });
  const vault = {
    generation: 1,
    sealed: toBase64Url(randomBytes(512)),
    wrappings: [{ kind: "password", wrapped: toBase64Url(randomBytes(96)) }],
  };
  return doorway.finishRegistration({
    name,
    record: registrationRecord,
    stretching,
    card,
    vault,
    device: "bench",
  });
}
