/**
 * RSA keys for a laboratory's people. Making one takes longer than signing somebody up, so they are made once and kept in this
 * user's cache folder; whoever reads that can read what simulated people write.
 */
import { generateKeyPair } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import envPaths from "env-paths";
import { FastChatError } from "../../src/protocol/errors.js";
import { readPrivateFile, writePrivateFile } from "../../src/node/private-file.js";

const generate = promisify(generateKeyPair);

/** Made at once: as many as the pool of threads behind them has. */
const AT_ONCE = 4;

/**
 * @param bits of each key
 * @param onProgress told how many there are
 * @param stop ends the making; what was made is kept
 * @returns so many keys, PKCS #8 in DER; fewer where it was stopped
 * @throws FastChatError `badConfig` where they cannot be kept
 */
export async function keyPool(
  count: number,
  bits: number,
  onProgress: (made: number) => void,
  stop: AbortSignal,
): Promise<Uint8Array[]> {
  const folder = envPaths("fastchat-laboratory", { suffix: "" }).cache;
  const file = join(folder, `rsa-${bits}.txt`);
  const keys = await readKeys(file);
  if (keys.length >= count) return keys.slice(0, count);
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw new FastChatError(
      "badConfig",
      `Keys of simulated people are kept in ${folder}, which cannot be made; XDG_CACHE_HOME names another place.`,
      undefined,
      { cause },
    );
  });
  const make = async (): Promise<void> => {
    while (keys.length + underWay < count && !stop.aborted) {
      underWay += 1;
      const { privateKey } = await generate("rsa", {
        modulusLength: bits,
        publicKeyEncoding: { type: "spki", format: "der" },
        privateKeyEncoding: { type: "pkcs8", format: "der" },
      });
      underWay -= 1;
      keys.push(new Uint8Array(privateKey));
      onProgress(keys.length);
    }
  };
  let underWay = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, make));
  await writePrivateFile(file, keys.map((key) => `${Buffer.from(key).toString("base64")}\n`).join(""));
  return keys.slice(0, count);
}

async function readKeys(file: string): Promise<Uint8Array[]> {
  const text = (await readPrivateFile(file))?.toString("ascii") ?? "";
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => new Uint8Array(Buffer.from(line, "base64")));
}
