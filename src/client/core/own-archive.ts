/** An account's archive in a database of its owner's: what differs from one with the service. */
import { FastChatError } from "../../protocol/errors.js";
import { SIGNATURE_BYTES, encodeVoucherClaims } from "../../protocol/grants.js";
import { concatBytes } from "../../protocol/bytes.js";
import type { Clock, Random } from "../../protocol/runtime.js";
import type { ArchiveAccess } from "./archive.js";
import type { Endpoint, OwnArchives, Transport } from "./ports.js";

/** Of an archive that the service knows nothing of. */
const NOWHERE: Endpoint = { host: "", port: 0 };

/** How long a voucher for oneself is good, in milliseconds. */
const VOUCHER_MS = 600_000;

/** Reaches a person's own archive, wherever the service says that archives are. */
export function ownTransport(ownArchives: OwnArchives | undefined, address: string): Transport {
  return {
    connect(_, handlers) {
      if (ownArchives === undefined) return Promise.reject(noWayToDatabases());
      return ownArchives.connect(address, handlers);
    },
  };
}

/** Who needs no place and nobody's leave. */
export function ownAccess(clock: Clock, random: Random): Pick<ArchiveAccess, "locate" | "lost" | "voucher"> {
  return {
    locate: () => Promise.resolve(NOWHERE),
    lost: () => undefined,
    voucher: () => Promise.resolve(ownVoucher(clock, random)),
  };
}

/** What pays for an archive that nobody has to allow: of the form of a voucher, and signed by nobody. */
function ownVoucher(clock: Clock, random: Random): Uint8Array {
  const claims = encodeVoucherClaims({ expiresAt: clock.now() + VOUCHER_MS, nonce: random.bytes(16) });
  return concatBytes(claims, new Uint8Array(SIGNATURE_BYTES));
}

export function noWayToDatabases(): FastChatError {
  return new FastChatError(
    "unreachable",
    "This account's history lies in a database of its own, which cannot be reached from here.",
  );
}
