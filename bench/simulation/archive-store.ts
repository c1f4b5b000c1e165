/** The archives' database as a thread reaches it. An append holds its archives' rows, so that it is whole at its commit. */
import type { ArchiveStore } from "../../src/store/archive.js";
import type { SimulatedDatabase } from "./database.js";
import type { MemoryArchive } from "./memory-archive.js";
import type { SimulatedThread } from "./thread.js";

export function archiveStore(
  database: SimulatedDatabase,
  archives: MemoryArchive,
  thread: SimulatedThread,
): ArchiveStore {
  const call = async <T>(writes: boolean, work: () => Promise<T>): Promise<T> =>
    database.call(thread, { writes, begin: () => work });
  return {
    create: (archive, voucher) => call(true, () => archives.create(archive, voucher)),
    find: (archive) => call(false, () => archives.find(archive)),
    append: (appends, maxEntries) => call(true, () => archives.append(appends, maxEntries)),
    page: (request) => call(false, () => archives.page(request)),
    entry: (archive, tag) => call(false, () => archives.entry(archive, tag)),
    chats: (request) => call(false, () => archives.chats(request)),
    setChat: (...note) => call(true, () => archives.setChat(...note)),
    changedChats: (request) => call(false, () => archives.changedChats(request)),
    blank: (request) => call(true, () => archives.blank(request)),
    digests: (...request) => call(false, () => archives.digests(...request)),
    checkpoint: (archive) => call(false, () => archives.checkpoint(archive)),
    setCheckpoint: (...checkpoint) => call(true, () => archives.setCheckpoint(...checkpoint)),
    forgetVouchers: (time) => call(true, () => archives.forgetVouchers(time)),
  };
}
