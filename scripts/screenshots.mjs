// Takes the pictures of the load page for docs/, from a system of its own under load: some people write to each other,
// a server is drained and resumed. Wants a browser, as the tests of pages do.
//   npm run screenshots [-- FOLDER]        writes load-page-light.png, load-page-dark.png and load-page-phone.png
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startSystem } from "../dist/bench/system-process.js";
import { OPEN_DOORS } from "../dist/bench/service/sign-up.js";
import { openOperator } from "../dist/src/operator/connection.js";
import { formatAddress } from "../dist/src/protocol/address.js";
import { OPERATOR_PATHS, OperatorStatus, TakenUp } from "../dist/src/protocol/operator.js";
import { findChromium, openBrowser, openPage } from "../dist/test/lb/page/browser.js";
import { smallPng } from "./small-png.mjs";

const CLIENTS = 120;
const RATE = 60;
/** What happens once everybody is connected, in seconds. */
const DRAIN_AT = 45;
const RESUME_AT = 75;
const PICTURES_AT = 130;
const MOST_BYTES = 200_000;

const PICTURES = {
  "load-page-light": { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  "load-page-dark": { viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  "load-page-phone": { viewport: { width: 390, height: 844 }, colorScheme: "light" },
};

const folder = process.argv[2] ?? fileURLToPath(new URL("../docs", import.meta.url));
const chromium = findChromium();
if (chromium === null) {
  console.error("No Chromium is installed; FASTCHAT_TEST_CHROMIUM names one.");
  process.exit(2);
}

const system = await startSystem({ ...OPEN_DOORS, FASTCHAT_SERVERS: "4" });
const people = spawn(
  process.execPath,
  [
    fileURLToPath(new URL("../dist/bench/main.js", import.meta.url)),
    ...["load", "--server", formatAddress(system.address), "--clients", String(CLIENTS)],
    ...["--rate", String(RATE), "--warmup", "0", "--seconds", String(PICTURES_AT + 120)],
  ],
  { stdio: ["ignore", "ignore", "inherit"] },
);
const ended = once(people, "exit");
const operator = await openOperator({ data: system.data });
try {
  await connected();
  const start = Date.now();
  await until(start, DRAIN_AT);
  await order(OPERATOR_PATHS.drain("chat-3"));
  await until(start, RESUME_AT);
  await order(OPERATOR_PATHS.resume("chat-3"));
  await until(start, PICTURES_AT);
  await takePictures();
} finally {
  operator.close();
  people.kill("SIGINT");
  await ended;
  await system.stop();
}

async function connected() {
  for (;;) {
    const { servers } = await operator.ask(OperatorStatus, "GET", OPERATOR_PATHS.status);
    if (servers.reduce((sum, { connections }) => sum + connections, 0) >= CLIENTS * 0.9) return;
    if (people.exitCode !== null) throw new Error("the people have gone");
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function order(path) {
  await operator.ask(TakenUp, "POST", path, {});
}

/** @param seconds after the start */
function until(start, seconds) {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, start + 1000 * seconds - Date.now())));
}

async function takePictures() {
  const browser = await openBrowser(chromium);
  for (const [name, options] of Object.entries(PICTURES)) {
    const { page } = await openPage(browser, options);
    await page.goto(operator.page.link);
    await page.locator('#link[data-state="live"]').waitFor();
    await page.locator("#chart-delay path.series").first().waitFor({ state: "attached" });
    const png = smallPng(await page.screenshot({ fullPage: true }));
    if (png.length > MOST_BYTES) throw new Error(`${name}.png has ${png.length} bytes`);
    const file = join(folder, `${name}.png`);
    await writeFile(file, png);
    console.log(`${file}: ${png.length} bytes`);
    await page.context().close();
  }
  await browser.close();
}
