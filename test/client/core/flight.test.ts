/** Messages between the outbox and the archive. */
import t from "tap";
import { Flight } from "../../../src/client/core/flight.js";
import type { OutboxEntry, OutboxFile, OutboxFiles } from "../../../src/client/core/outbox-files.js";

const FILE: OutboxFile = {
  name: "outbox-1",
  entries: [
    { message: "m", conversation: "c", accepted: true, frame: new Uint8Array(1) } as OutboxEntry,
    {
      message: "n",
      conversation: "d",
      accepted: true,
      frame: new Uint8Array(1),
    } as OutboxEntry,
  ],
};

t.test(
  "what the archive takes while the files are written is removed from the disk all the same",
  async (t) => {
    const waiting: (() => void)[] = [];
    const archive = {
      append: () =>
        new Promise<{ counter: number; had: boolean }>((resolve) => {
          waiting.push(() => resolve({ counter: 1, had: false }));
        }),
    };
    const onDisk = new Set([FILE.name]);
    const files = {
      async replace() {
        // The archive answers while the file is on its way to the disk.
        waiting.pop()?.();
        await Promise.resolve();
      },
      async remove(name: string) {
        onDisk.delete(name);
      },
    } as Pick<OutboxFiles, "replace" | "remove"> as OutboxFiles;
    const session = { welcome: null, congested: false, send: () => false, renew: () => undefined };
    const flight = new Flight({
      files,
      archive,
      session,
      sealAgain: (entry) => Promise.resolve(entry),
      namesOf: () => Promise.resolve(new Map()),
      onChange: () => undefined,
    });
    flight.holding = true;
    flight.adopt(FILE);
    waiting.shift()?.();
    await Promise.resolve();
    await flight.putAway();
    await new Promise(setImmediate);
    t.ok(flight.isArchived);
    t.same([...onDisk], []);
  },
);
