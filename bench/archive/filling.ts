/** Fills one account's archive as its devices would over years: entries sealed with its keys, of many chats. */
import { randomBytes } from "node:crypto";
import { importAccountKeys } from "../../src/crypto/account-keys.js";
import { directConversation } from "../../src/crypto/conversation.js";
import { NO_HEAD } from "../../src/crypto/envelope-header.js";
import { readAccount } from "../../src/client/core/account-file.js";
import { Archive } from "../../src/client/core/archive.js";
import { Balancer } from "../../src/client/core/balancer.js";
import { DeviceFiles } from "../../src/client/core/device-files.js";
import { Entries } from "../../src/client/core/entries.js";
import { Placer } from "../../src/client/core/placement.js";
import type { ClientPorts } from "../../src/client/core/ports.js";
import { readId16, type AccountId, type DeviceId, type MessageId } from "../../src/protocol/ids.js";
import { encodePayload } from "../../src/protocol/payload.js";

/** Entries that wait to be appended at the same time. */
const AT_ONCE = 2_000;
/** A message a minute. */
const STEP_MS = 60_000;

export interface Filling {
  readonly messages: number;
  /** Characters of each. */
  readonly size: number;
  /** Whom they are with. */
  readonly peers: readonly AccountId[];
}

/** Words that are told apart by a search, so many that most are rare. */
const WORDS = Array.from({ length: 5_000 }, (_, index) => `word${index.toString(36)}`);

/** A text of words, of so many characters. */
export function textOf(message: number, size: number): string {
  let text = `number${message}`;
  for (let at = message; text.length < size; at = (at * 31 + 17) % 1_000_003)
    text += ` ${WORDS[at % WORDS.length]}`;
  return text.slice(0, size);
}

/**
 * @param ports of a device that is signed in
 * @param onProgress told how many are archived
 */
export async function fill(
  ports: ClientPorts,
  { messages, size, peers }: Filling,
  onProgress: (done: number) => void,
): Promise<void> {
  const account = await readAccount(await DeviceFiles.open(ports.storage));
  if (account === null) throw new Error("nobody is signed in on this device");
  const keys = await importAccountKeys(account.vault);
  const balancer = new Balancer(ports.http, account.token);
  const placer = new Placer(balancer);
  const archive = new Archive(
    ports,
    {
      locate: () => placer.archive(),
      lost: () => placer.forgetArchive(),
      voucher: () => balancer.voucher(),
      made: account.archiveMade,
      onMade: () => Promise.resolve(),
      onStatus: () => undefined,
    },
    keys.archive,
  );
  const entries = new Entries(keys.archive);
  const conversations = await Promise.all(peers.map((peer) => directConversation(account.account, peer)));
  const start = Date.now() - messages * STEP_MS;
  const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
  const append = async (index: number): Promise<void> => {
    const peer = index % peers.length;
    const [sender, conversation] = [peers[peer], conversations[peer]];
    if (sender === undefined || conversation === undefined) throw new Error("there are no peers");
    const sentAt = start + index * STEP_MS;
    const header = {
      suite: 1,
      message: readId16<MessageId>(random(16)),
      conversation,
      sender,
      device: readId16<DeviceId>(random(16)),
      sequence: index + 1,
      sentAt,
      epoch: 0,
      head: NO_HEAD,
      commitment: random(32),
    } as const;
    const frame = { epoch: 0, message: header.message, account: sender, conversation };
    const delivered = { frame, wrappedKey: random(256), envelope: random(64) };
    const payload = encodePayload({ type: "text", text: textOf(index, size) });
    await archive.append(await entries.received(delivered, header, payload, sentAt + 1_000, account.device));
  };
  try {
    for (let done = 0; done < messages;) {
      const count = Math.min(AT_ONCE, messages - done);
      await Promise.all(Array.from({ length: count }, (_, index) => append(done + index)));
      done += count;
      onProgress(done);
    }
  } finally {
    archive.close();
  }
}
