/** Up to where this device has shown what other devices did, in a sealed file. */
import Type from "#typebox";
import { Compile } from "#typebox/compile";
import { pack, unpack } from "../../protocol/codec.js";
import { FastChatError } from "../../protocol/errors.js";
import type { DeviceId } from "../../protocol/ids.js";
import { Counter, DeviceIdSchema } from "../../protocol/schema.js";
import type { ArchiveHead } from "./archive.js";
import type { DeviceFiles } from "./device-files.js";

const FILE = "feed";

const Stored = Type.Object({
  version: Type.Literal(1),
  device: DeviceIdSchema,
  counter: Counter,
  revision: Counter,
});
const validator = Compile(Stored);

export class FeedPosition {
  /** @param device a new login makes a new one, which has missed nothing */
  constructor(
    private readonly files: DeviceFiles,
    private readonly device: DeviceId,
  ) {}

  /** @returns `null` where nothing was kept, or what was is damaged */
  async load(): Promise<ArchiveHead | null> {
    let stored: unknown = null;
    try {
      const bytes = await this.files.read(FILE);
      stored = bytes === null ? null : unpack(bytes);
    } catch (error) {
      if (!(error instanceof FastChatError && error.code === "undecryptable")) throw error;
    }
    if (!validator.Check(stored) || stored.device !== this.device) return null;
    return { counter: stored.counter, revision: stored.revision };
  }

  async save({ counter, revision }: ArchiveHead): Promise<void> {
    await this.files.write(FILE, pack({ version: 1, device: this.device, counter, revision }));
  }
}
