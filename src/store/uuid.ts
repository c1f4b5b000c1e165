/** Ids of 16 bytes as PostgreSQL's `uuid`: it takes them as they are and gives them back with hyphens. */
import {
  parseAccountId,
  parseDeviceId,
  parseMessageId,
  type AccountId,
  type DeviceId,
  type MessageId,
} from "../protocol/ids.js";

export function accountIdOfUuid(uuid: string): AccountId {
  return known(parseAccountId(bare(uuid)), uuid);
}

export function deviceIdOfUuid(uuid: string): DeviceId {
  return known(parseDeviceId(bare(uuid)), uuid);
}

export function messageIdOfUuid(uuid: string): MessageId {
  return known(parseMessageId(bare(uuid)), uuid);
}

function bare(uuid: string): string {
  return uuid.replaceAll("-", "");
}

function known<T>(id: T | null, uuid: string): T {
  if (id === null) throw new TypeError(`"${uuid}" is not a uuid`);
  return id;
}
