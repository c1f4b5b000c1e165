/**
 * Locks between processes that end with their holder, however it ends. The holder listens on a Unix socket: a process
 * id may be another process's by now, a file's age says nothing of a suspended holder, but a socket that takes
 * connections has a living owner.
 *
 * A socket that a killed holder left must be replaced without ever letting two in, and no call of the file system
 * removes a file only if it is still the one that was looked at. So nothing is replaced: every contender listens on a
 * socket of a random name that is never used again, and the lock is a chain of symbolic links, each made once:
 *
 * ```
 * lock           -> a      the first holder
 * lock.next.a    -> b      who took over when a was found dead
 * lock.next.b    -> c      the holder: the end of the chain
 * ```
 *
 * Making a link is atomic, so one dead holder has one successor. A new holder shortens the chain by renaming a link to
 * itself over `lock` and only then removes the rest. Who was slow and made a link that the shortening had removed
 * finds that the chain from `lock` does not end at it, and withdraws.
 */
import { randomBytes } from "node:crypto";
import { readdir, readlink, rename, rm, symlink, unlink } from "node:fs/promises";
import { connect, createServer, Socket, type Server } from "node:net";
import { basename, dirname, join } from "node:path";
import { FastChatError } from "../protocol/errors.js";
import type { HeldLock } from "../protocol/runtime.js";
import { spaceError, systemCode } from "./private-file.js";
import { folderForSockets } from "./short-folder.js";

/** Gives a lock back; harmless when called again. */
export type Release = () => Promise<void>;

interface Hold extends HeldLock {
  readonly release: Release;
}

const SOCKET_PREFIX = ".lock.";
const ID_BYTES = 12;
const ID = /^[0-9a-f]{24}$/;

/** How long to wait, at most, before a holder is asked again whose queue of connections is full; in milliseconds. */
const CROWDED_MS = 50;

/**
 * Takes a lock or fails at once.
 *
 * @param path where the lock's link stands; its folder must exist and belong to this user alone
 * @throws FastChatError `dataInUse` while another holds it
 */
export async function acquireLock(path: string): Promise<Release> {
  const found = await contend(path);
  if (!(found instanceof Socket)) return found.release;
  found.destroy();
  throw new FastChatError("dataInUse", `${dirname(path)} is in use by another process.`);
}

/**
 * Runs `work` while this process holds the lock; waits for it as long as another task or process does. Waiters hang
 * on the holder's socket and are woken by its end.
 *
 * @param path as in {@link acquireLock}
 */
export async function withLock<T>(path: string, work: (lock: HeldLock) => Promise<T>): Promise<T> {
  let found = await contend(path);
  while (found instanceof Socket) {
    await closed(found);
    found = await contend(path);
  }
  try {
    return await work(found);
  } finally {
    await found.release();
  }
}

/** Takes the lock, or returns a connection to its holder. */
async function contend(path: string): Promise<Hold | Socket> {
  const sockets = await folderForSockets(dirname(path), SOCKET_PREFIX + "0".repeat(2 * ID_BYTES));
  const socketOf = (id: string) => join(sockets, SOCKET_PREFIX + id);
  // Most locks that are held stay so: to look first spares a socket.
  const before = await findEnd(path, socketOf);
  if (before.holder !== null) return before.holder;

  const id = randomBytes(ID_BYTES).toString("hex");
  const listener = await listen(socketOf(id));
  try {
    for (;;) {
      const { holder, slot, dead } = await findEnd(path, socketOf);
      if (holder !== null) {
        await listener.close();
        return holder;
      }
      if (!(await link(id, slot))) continue;
      if ((await lastLink(path)) === id) {
        if (dead.length > 0) await shorten(path, id, dead.map(socketOf));
        const release = once(async () => {
          if ((await readLink(path)) === id) await unlink(path);
          await listener.close();
        });
        return {
          release,
          get wanted() {
            return listener.waiting.size > 0;
          },
        };
      }
      await rm(slot, { force: true });
    }
  } catch (error) {
    await listener.close();
    throw spaceError(error, path);
  }
}

interface End {
  /** A connection to the living holder, or `null`. */
  readonly holder: Socket | null;
  /** Where the next link would stand. */
  readonly slot: string;
  /** Ids of the chain that have no living owner. */
  readonly dead: readonly string[];
}

async function findEnd(path: string, socketOf: (id: string) => string): Promise<End> {
  const dead: string[] = [];
  let slot = path;
  for (;;) {
    const id = await readLink(slot);
    if (id === null) return { holder: null, slot, dead };
    const holder = await reach(socketOf(id));
    if (holder !== null) return { holder, slot, dead };
    dead.push(id);
    slot = nextOf(path, id);
  }
}

async function lastLink(path: string): Promise<string | null> {
  let last: string | null = null;
  let slot = path;
  for (;;) {
    const id = await readLink(slot);
    if (id === null) return last;
    last = id;
    slot = nextOf(path, id);
  }
}

/** Done by the holder alone. What it removes is reachable no more, or was left by contenders that died. */
async function shorten(path: string, id: string, deadSockets: readonly string[]): Promise<void> {
  const temporary = `${path}.tmp.${id}`;
  await symlink(id, temporary);
  await rename(temporary, path);
  const folder = dirname(path);
  const left = (await readdir(folder)).filter(
    (name) => name.startsWith(`${basename(path)}.next.`) || name.startsWith(`${basename(path)}.tmp.`),
  );
  for (const file of [...left.map((name) => join(folder, name)), ...deadSockets]) {
    await rm(file, { force: true });
  }
}

function nextOf(path: string, id: string): string {
  return `${path}.next.${id}`;
}

/** @returns false where the slot is taken */
async function link(id: string, slot: string): Promise<boolean> {
  try {
    await symlink(id, slot);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

async function readLink(slot: string): Promise<string | null> {
  let target: string;
  try {
    target = await readlink(slot);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    if (systemCode(error) !== "EINVAL") throw error;
    target = "";
  }
  if (!ID.test(target)) {
    throw new FastChatError(
      "dataInUse",
      `${slot} is not a lock that FastChat made; remove it if nothing uses it.`,
    );
  }
  return target;
}

interface Listener {
  /** Connections of those who wait for the lock. */
  readonly waiting: ReadonlySet<Socket>;
  close(): Promise<void>;
}

async function listen(path: string): Promise<Listener> {
  const waiting = new Set<Socket>();
  const server: Server = createServer((socket) => {
    waiting.add(socket);
    socket.unref();
    socket.on("error", () => socket.destroy());
    socket.on("close", () => waiting.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  // A lock that somebody forgot to give back must not keep the process from ending.
  server.unref();
  return {
    waiting,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of waiting) socket.destroy();
      }),
  };
}

/** A connection to the owner of a socket, or `null` where it has none any more. */
async function reach(path: string): Promise<Socket | null> {
  for (;;) {
    const outcome = await new Promise<Socket | "dead" | "gone" | "crowded" | Error>((resolve) => {
      const socket = connect(path);
      socket.once("connect", () => {
        socket.removeAllListeners("error");
        socket.on("error", () => socket.destroy());
        resolve(socket);
      });
      socket.once("error", (error) => {
        const code = systemCode(error);
        if (code === "ENOENT" || code === "ECONNREFUSED") resolve("dead");
        // It ended while this connection stood in its queue.
        else if (code === "ECONNRESET") resolve("gone");
        else if (code === "EAGAIN") resolve("crowded");
        else resolve(error);
      });
    });
    if (outcome instanceof Error) throw outcome;
    if (outcome === "dead") return null;
    if (outcome === "gone") continue;
    if (outcome !== "crowded") return outcome;
    await new Promise((resolve) => setTimeout(resolve, Math.random() * CROWDED_MS));
  }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    socket.on("close", () => resolve());
    // An end that nobody reads is never seen.
    socket.resume();
  });
}

function once(work: () => Promise<void>): Release {
  let done: Promise<void> | null = null;
  return () => (done ??= work());
}
