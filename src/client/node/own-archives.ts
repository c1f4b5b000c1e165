/** Archives in databases of people's own (PROTOCOL.md, "Own databases"): reached by PostgreSQL's protocol, not through the service. */
import type { OwnArchive } from "../../workers/archive/own-archive.js";
import { withoutCredentials } from "../../node/credentials.js";
import { FastChatError } from "../../protocol/errors.js";
import type { FrameChannel, FrameHandlers } from "../../protocol/runtime.js";
import type { OwnArchives } from "../core/ports.js";

export class PostgresArchives implements OwnArchives {
  readonly #open = new Map<string, Promise<OwnArchive>>();

  async prepare(address: string): Promise<void> {
    await this.#at(address);
  }

  async connect(address: string, handlers: FrameHandlers): Promise<FrameChannel> {
    return (await this.#at(address)).connect(handlers);
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const archive of open) await (await archive.catch(() => null))?.close();
  }

  #at(address: string): Promise<OwnArchive> {
    const known = this.#open.get(address);
    if (known !== undefined) return known;
    const opening = open(address);
    this.#open.set(address, opening);
    // What failed is tried again.
    opening.catch(() => this.#open.delete(address));
    return opening;
  }
}

/** @throws FastChatError `badRequest`, `dataNewer`, `unreachable` */
async function open(address: string): Promise<OwnArchive> {
  if (!/^postgres(ql)?:\/\//i.test(address)) {
    throw new FastChatError(
      "badRequest",
      "An archive of one's own is a PostgreSQL database: postgres://user:password@host:5432/name.",
    );
  }
  // Its code is large, and few need it.
  const { OwnArchive } = await import("../../workers/archive/own-archive.js");
  try {
    return await OwnArchive.open(address);
  } catch (error) {
    if (error instanceof FastChatError && error.code === "dataNewer") throw error;
    const reason = withoutCredentials(error instanceof Error ? error.message : String(error));
    throw new FastChatError(
      "unreachable",
      `The archive's own database, ${withoutCredentials(address)}, cannot be used (${reason}).`,
      undefined,
      { cause: error },
    );
  }
}
