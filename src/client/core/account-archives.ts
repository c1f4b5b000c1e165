/** The archives of an account: the one of its history, and the one through which its files go. They are the same, mostly. */
import type { ArchiveSecrets } from "../../crypto/vault-contents.js";
import { Archive, type ArchiveAccess } from "./archive.js";
import { ownAccess, ownTransport } from "./own-archive.js";
import type { ClientPorts } from "./ports.js";

export interface AccountArchives {
  readonly archive: Archive;
  /** Files are the service's to keep, since others fetch them: who keeps the history elsewhere has an empty archive there. */
  readonly fileArchive: Archive;
}

/** @param access to archives of the service, and what becomes of that of the history */
export function accountArchives(
  ports: Pick<ClientPorts, "transport" | "clock" | "random" | "ownArchives">,
  access: ArchiveAccess,
  secrets: ArchiveSecrets,
): AccountArchives {
  const { address } = secrets;
  if (address === undefined) {
    const archive = new Archive(ports, access, secrets);
    return { archive, fileArchive: archive };
  }
  const { clock, random } = ports;
  return {
    archive: new Archive(
      { ...ports, transport: ownTransport(ports.ownArchives, address) },
      { ...access, ...ownAccess(clock, random) },
      secrets,
    ),
    fileArchive: new Archive(
      ports,
      { ...access, made: false, onMade: () => Promise.resolve(), onStatus: () => undefined },
      secrets,
    ),
  };
}
