/**
 * Which messages to groups are accepted, on disk before anybody is told so. A crash would have them sent once more otherwise, and
 * where the group has changed by then, to people who came when they had long been written. Several that are accepted at about the
 * same time are noted by one write.
 */
import type { MessageId } from "../../protocol/ids.js";
import type { OutboxFiles } from "./outbox-files.js";

interface Notes {
  readonly messages: Set<MessageId>;
  /** Ends once all of these are on disk. */
  writing: Promise<void>;
  /** A write that has not begun, and takes what is noted until then with it. */
  next: Promise<void> | null;
}

export class AcceptedNotes {
  /** By name of the outbox file that the messages are in. */
  readonly #files = new Map<string, Notes>();

  constructor(private readonly files: Pick<OutboxFiles, "noteAccepted">) {}

  /** @returns once it is on disk, or cannot be */
  note(file: string, message: MessageId): Promise<void> {
    const notes = this.#files.get(file) ?? { messages: new Set(), writing: Promise.resolve(), next: null };
    this.#files.set(file, notes);
    notes.messages.add(message);
    notes.next ??= notes.writing.then(async () => {
      notes.next = null;
      // A full disk is told by what has to be written; what is accepted is so all the same.
      await this.files.noteAccepted(file, [...notes.messages]).catch(() => undefined);
    });
    notes.writing = notes.next;
    return notes.next;
  }

  /** Once nothing is being written for a file, which is about to be written anew or removed. */
  async settled(file: string): Promise<void> {
    await this.#files.get(file)?.writing;
  }

  /** The files themselves say by now what is accepted. */
  clear(): void {
    this.#files.clear();
  }

  /** A file is done with. */
  async forget(file: string): Promise<void> {
    await this.settled(file);
    this.#files.delete(file);
  }
}
