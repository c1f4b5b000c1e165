/** Which folder the commands mean: the one that is named, and only else that of the settings. */
import { join, resolve } from "node:path";
import t from "tap";
import { dataFolder } from "../../src/operator/command.js";
import { storageConfig } from "../../src/operator/storage.js";

const mask = process.umask();
t.teardown(() => process.umask(mask));

t.test("backup and restore go to the folder that is named, whatever the settings say", async (t) => {
  const config = join(
    t.testdir({ "settings.json": JSON.stringify({ dataDir: "of-the-settings" }) }),
    "settings.json",
  );
  const folderOf = (data: string | undefined, env: Record<string, string>): string =>
    storageConfig({ data, config, json: false }, env).dataDir;
  for (const named of ["./data", "data", "/srv/fastchat"]) {
    t.equal(folderOf(named, { FASTCHAT_DATA: "elsewhere" }), resolve(named));
  }
  t.equal(folderOf(undefined, { FASTCHAT_DATA: "elsewhere" }), resolve("elsewhere"));
  t.equal(folderOf(undefined, {}), resolve("of-the-settings"));
});

t.test("other commands find the system by the folder that is named, else by the variable", async (t) => {
  t.equal(dataFolder({ data: "./data" }, { FASTCHAT_DATA: "elsewhere" }), "./data");
  t.equal(dataFolder({}, { FASTCHAT_DATA: "elsewhere" }), "elsewhere");
  t.equal(dataFolder({}, { FASTCHAT_DATA: "" }), "./data");
});
