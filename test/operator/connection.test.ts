/** Where an operator's commands find the running system, and the link to its page. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import t from "tap";
import { openOperator } from "../../src/operator/connection.js";

const TOKEN = "A".repeat(43);

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = t.testdir({});
  for (const [name, text] of Object.entries(files))
    await writeFile(join(folder, name), text, { mode: 0o600 });
  return folder;
}

t.test("the link to the page holds the token where no server sees it", async (t) => {
  const data = await folderWith({
    address: "fastchat://chat.example:7440\n",
    "operator-token": `${TOKEN}\n`,
  });
  const operator = await openOperator({ data });
  t.teardown(() => operator.close());
  t.same(operator.page, {
    url: "https://chat.example:7440/load",
    link: `https://chat.example:7440/load#token=${TOKEN}`,
  });
});

t.test("an IPv6 address stands in brackets", async (t) => {
  const data = await folderWith({ address: "fastchat://[::1]:7440", "operator-token": TOKEN });
  const operator = await openOperator({ data });
  t.teardown(() => operator.close());
  t.equal(operator.page.url, "https://[::1]:7440/load");
});

t.test("a folder without a running system, or without a token, is told", async (t) => {
  const idle = await folderWith({ "operator-token": TOKEN });
  await t.rejects(openOperator({ data: idle }), { code: "badConfig", message: /No system is running/ });
});
