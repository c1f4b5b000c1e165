/** Where Unix sockets can stand: their paths end at about a hundred bytes, and folders may lie deeper than that. */
import { createHash } from "node:crypto";
import { lstat, mkdir, realpath } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { FastChatError } from "../protocol/errors.js";
import { spaceError, systemCode } from "./private-file.js";

/** macOS ends a socket's path at 104 bytes with its terminator, Linux at 108. */
const MAX_SOCKET_PATH_BYTES = 103;

/**
 * The folder for sockets that belong to `folder`: itself where the paths are short enough, else one outside that
 * every process of the same user finds, whatever its environment says: TMPDIR differs between a service and a shell.
 *
 * @param folder an existing folder
 * @param longestName the longest file name a socket there will have
 * @throws FastChatError `badConfig` where the folder outside belongs to somebody else
 */
export async function folderForSockets(folder: string, longestName: string): Promise<string> {
  const real = await realpath(folder);
  if (Buffer.byteLength(join(real, longestName)) <= MAX_SOCKET_PATH_BYTES) return real;
  const { uid } = userInfo();
  const ours = `/tmp/fastchat-${uid}`;
  await makeOwnFolder(ours, uid);
  const short = join(ours, createHash("sha256").update(real).digest("hex").slice(0, 24));
  await makeOwnFolder(short, uid);
  return short;
}

/** In a folder that everybody may write to, a name may have been taken by anybody: it must be a folder, ours, and closed. */
async function makeOwnFolder(path: string, uid: number): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw spaceError(error, path);
  }
  const found = await lstat(path);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new FastChatError(
      "badConfig",
      `${path} must be a folder of this user with mode 0700; remove what stands there, or choose a data folder with a shorter path.`,
    );
  }
}
