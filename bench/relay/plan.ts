/** Who talks to whom in the relay bench, and over which servers: the same for FastChat and for the bare relay. */
import { createHash, randomBytes } from "node:crypto";
import { toHex } from "../../src/protocol/bytes.js";
import { Kind, encodeSend } from "../../src/protocol/hot.js";
import type {
  AccountId,
  ConversationId,
  DeviceId,
  Incarnation,
  MessageId,
  ServerId,
} from "../../src/protocol/ids.js";
import { homeOf, type View } from "../../src/protocol/view.js";

export interface RelayPair {
  readonly sender: AccountId;
  readonly recipient: AccountId;
  /** Indexes of servers: where the sender is connected, where the recipient is at home, where it is connected. */
  readonly path: readonly [number, number, number];
}

export interface RelayPlan {
  readonly view: View;
  readonly pairs: readonly RelayPair[];
  /** Bytes of an envelope; they are opaque to the server. */
  readonly size: number;
}

/** Pairs whose two people are connected to different servers; homes fall as they fall for the accounts' ids. */
export function planRelay(servers: number, pairs: number, size: number): RelayPlan {
  const members = Array.from({ length: servers }, (_, i) => ({
    id: `chat-${i + 1}` as ServerId,
    incarnation: toHex(randomBytes(16)) as Incarnation,
  }));
  const view = { number: 1, members };
  return {
    view,
    size,
    pairs: Array.from({ length: pairs }, (_, i) => {
      const recipient = accountOf(`recipient ${i}`);
      const home = members.findIndex(({ id }) => id === homeOf(view, recipient)?.id);
      return { sender: accountOf(`sender ${i}`), recipient, path: [i % servers, home, (i + 1) % servers] };
    }),
  };
}

/** Fixed, so that every run puts the same accounts at home in the same places. */
function accountOf(name: string): AccountId {
  return toHex(createHash("sha256").update(name).digest(), 0, 16) as AccountId;
}

export const deviceOf = (account: AccountId): DeviceId => account as string as DeviceId;

/** A `send` frame with the header of message `number`, an RSA-sized key and an opaque envelope. */
export function relayFrame({ sender, recipient }: RelayPair, size: number): Buffer {
  return Buffer.from(
    encodeSend(Kind.send, {
      epoch: 0,
      message: "0".repeat(32) as MessageId,
      account: sender,
      conversation: "0".repeat(64) as ConversationId,
      keys: [{ recipient, key: new Uint8Array(256) }],
      envelope: randomBytes(size),
    }),
  );
}
