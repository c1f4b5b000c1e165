/** A process of its own for the storage test: `FOLDER count N` adds N to a counter, `FOLDER hold` takes the lock and dies with it, `FOLDER write` writes until it is killed. */
import { FileStorage } from "../../../src/client/node/storage.js";

const [folder = "", what = "", times = "0"] = process.argv.slice(2);
const storage = new FileStorage(folder);

async function count(): Promise<void> {
  await storage.withLock("counter", async () => {
    const before = Number(Buffer.from((await storage.read("counter")) ?? Buffer.from("0")).toString());
    await storage.write("counter", Buffer.from(String(before + 1)));
  });
}

switch (what) {
  case "count":
    for (let i = 0; i < Number(times); i++) await count();
    break;
  case "hold":
    await storage.withLock("counter", async () => {
      process.send?.("held");
      setInterval(() => undefined, 60_000);
      await new Promise(() => undefined);
    });
    break;
  case "write":
    for (let i = 0; ; i = (i + 1) % 10) {
      await storage.write("letters", Buffer.alloc(100_000, String(i)));
      process.send?.("written");
    }
}
