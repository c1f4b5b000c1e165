/**
 * How a connection comes to stand for this account's archive (PROTOCOL.md, "Archive"): it is opened by its token, by either while
 * one is being replaced, and made where it never was.
 */
import type { ArchiveSecrets } from "../../crypto/vault-contents.js";
import { FastChatError, errorRecord } from "../../protocol/errors.js";
import type { ArchiveConnection, Reply } from "./archive-connection.js";

type Opened = Extract<Reply, { type: "opened" }>;

export interface OpeningAccess {
  /** Whether it was ever found or made: one that is gone after that is an alarm, not a reason to make another. */
  readonly made: boolean;
  /** It was found or made. */
  onMade(): Promise<void>;
  /** The right to make one. */
  voucher(): Promise<Uint8Array>;
}

export class ArchiveOpening {
  readonly #access: OpeningAccess;
  readonly #secrets: ArchiveSecrets;
  #made: boolean;
  #voucher: Uint8Array | null = null;

  constructor(access: OpeningAccess, secrets: ArchiveSecrets) {
    this.#access = access;
    this.#secrets = secrets;
    this.#made = access.made;
  }

  /**
   * @returns where it stands
   * @throws FastChatError `noSuchArchive` where it was there and is no more; what the archive answers
   */
  async open(connection: ArchiveConnection): Promise<Opened> {
    const opened = (await this.#find(connection)) ?? (await this.#make(connection));
    if (!this.#made) {
      this.#made = true;
      await this.#access.onMade();
    }
    return opened;
  }

  async #find(connection: ArchiveConnection): Promise<Opened | null> {
    const { id: archive, token, nextToken } = this.#secrets;
    for (const each of nextToken === null ? [token] : [token, nextToken]) {
      try {
        return await connection.request({ type: "open", archive, token: each }, "opened");
      } catch (error) {
        if (errorRecord(error).code !== "noSuchArchive") throw error;
      }
    }
    return null;
  }

  async #make(connection: ArchiveConnection): Promise<Opened> {
    if (this.#made) {
      throw new FastChatError(
        "noSuchArchive",
        "The archive that this device knew is gone, or its token was changed; log in again.",
      );
    }
    const { id: archive, token } = this.#secrets;
    // One that may not have been used is tried again: an account is given few in a day.
    this.#voucher ??= await this.#access.voucher();
    const voucher = this.#voucher;
    try {
      return await connection.request({ type: "create", archive, token, voucher }, "opened");
    } catch (error) {
      if (errorRecord(error).code === "badVoucher") this.#voucher = null;
      throw error;
    }
  }
}
