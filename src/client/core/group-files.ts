/** What this device knows of groups, on its disk: a file for each group's log and title, and how far the archive was read. */
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { toHex } from "../../protocol/bytes.js";
import { pack, unpack } from "../../protocol/codec.js";
import { FastChatError } from "../../protocol/errors.js";
import { MAX_GROUP_EVENT_BYTES } from "../../protocol/groups.js";
import { MAX_TITLE_BYTES } from "../../protocol/payload.js";
import { Binary, ConversationIdSchema, Counter } from "../../protocol/schema.js";
import type { DeviceFiles } from "./device-files.js";
import type { Entries } from "./entries.js";

const StoredGroup = Type.Object({
  version: Type.Literal(1),
  id: ConversationIdSchema,
  /** Empty before it was told. */
  title: Type.String({ maxLength: MAX_TITLE_BYTES }),
  /** Of the archive's entry that told it; 0 while that is on its way. */
  titleAt: Counter,
  /** Number of the newest event that the archive has. */
  archived: Counter,
  /** Whether this device has let people in who have not been told the title. */
  untitled: Type.Optional(Type.Boolean()),
  events: Type.Array(Binary(1, MAX_GROUP_EVENT_BYTES)),
});
export type StoredGroup = Omit<Static<typeof StoredGroup>, "version">;
const storedGroup = Compile(StoredGroup);
const positionFile = Compile(Type.Object({ version: Type.Literal(1), counter: Counter }));

const PREFIX = "group-";
const LOCK = "groups";
const POSITION = "groups-read";

export class GroupFiles {
  constructor(
    private readonly files: DeviceFiles,
    private readonly entries: Pick<Entries, "chat">,
  ) {}

  /** @throws FastChatError `undecryptable` where a file is damaged */
  async load(): Promise<StoredGroup[]> {
    const groups: StoredGroup[] = [];
    for (const name of await this.files.list(PREFIX)) {
      const group = await this.#read(name);
      if (group !== null) groups.push(group);
    }
    return groups;
  }

  /** Writes down what is known, unless another process of this device knows more. */
  async save(group: StoredGroup): Promise<void> {
    const name = PREFIX + toHex(await this.entries.chat(group.id), 0, 16);
    await this.files.withLock(LOCK, async () => {
      const there = await this.#read(name);
      const knowsMore =
        there !== null && (there.events.length > group.events.length || there.titleAt > group.titleAt);
      if (!knowsMore) await this.files.write(name, pack({ version: 1, ...group }));
    });
  }

  /** Counter of the newest of the archive's entries on groups that was read; 0 for none. */
  async position(): Promise<number> {
    const bytes = await this.files.read(POSITION);
    const position: unknown = bytes === null ? null : unpack(bytes);
    return positionFile.Check(position) ? position.counter : 0;
  }

  savePosition(counter: number): Promise<void> {
    return this.files.write(POSITION, pack({ version: 1, counter }));
  }

  async #read(name: string): Promise<StoredGroup | null> {
    const bytes = await this.files.read(name);
    const group: unknown = bytes === null ? null : unpack(bytes);
    if (group === null || storedGroup.Check(group)) return group;
    throw new FastChatError("undecryptable", "What this device knows of a group is damaged; log in again.");
  }
}
