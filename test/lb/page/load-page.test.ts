/** The load page in a real browser: what operators see, on a desk and on a phone, by day and by night. */
import type { Browser, Page } from "playwright-core";
import t, { type Test } from "tap";
import { toBase64Url } from "../../../src/protocol/bytes.js";
import type { ThreadStatus } from "../../../src/protocol/threads.js";
import { entry, report } from "../loads.js";
import { OPERATOR_TOKEN, startService, type ServerLine, type Service } from "../service.js";
import { findChromium, openBrowser, openPage } from "./browser.js";

const chromium = findChromium();
const skip = chromium === null ? "no Chromium is installed; FASTCHAT_TEST_CHROMIUM names one" : false;
const token = toBase64Url(OPERATOR_TOKEN);
const SERVERS = 3;

let browser: Browser | null = null;
t.before(async () => {
  if (chromium !== null) browser = await openBrowser(chromium);
});
t.teardown(() => browser?.close());

/** A balancer with servers that report what the test wants. */
class Stage {
  #threads: ThreadStatus[] = [];
  readonly #lines: ServerLine[] = [];

  constructor(readonly service: Service) {
    for (let number = 1; number <= SERVERS; number++) {
      this.#lines.push(service.addServer(entry(number)));
      this.#threads.push({
        id: `chat-${number}`,
        kind: "chat",
        life: "running",
        duty: "serving",
        restarts: 0,
        trouble: null,
      });
    }
    this.tell(1, {});
  }

  get url(): string {
    return `https://127.0.0.1:${this.service.balancer.listening.port}/load`;
  }

  /** The supervisor says something of a server. */
  tell(number: number, over: Partial<ThreadStatus>): void {
    this.#threads = this.#threads.map((thread) =>
      thread.id === `chat-${number}` ? { ...thread, ...over } : thread,
    );
    this.service.balancer.fleet.update(this.#threads);
  }

  /** Every server reports so many connections, and a second passes. */
  async second(connections: readonly number[]): Promise<void> {
    this.#lines.forEach((line, at) => {
      const own = connections[at] ?? 0;
      line.say({
        type: "report",
        report: report({ connections: own, messagesIn: own, bytesIn: 1000 * own }),
        busiest: [],
      });
    });
    // What ports carry arrives in a later turn.
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    this.service.clock.advance(1000);
  }
}

async function stage(t: Test): Promise<Stage> {
  const stage = new Stage(await startService(t));
  for (let second = 0; second < 3; second++) await stage.second([10, 20, 30]);
  return stage;
}

function cell(page: Page, server: string, title: string) {
  return page.locator(`#servers tr[data-server="${server}"] td[data-title="${title}"]`);
}

/** Waits until an element says so: a page that never does fails by the browser's own patience. */
async function says(page: Page, selector: string, text: string | RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).first().waitFor();
}

t.test("a link with the token opens the page, and the token leaves the address bar", { skip }, async (t) => {
  const { url } = await stage(t);
  const { page, complaints } = await pageOf();
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(`${url}#token=${token}`);
  await says(page, "#link", "Live");
  await says(page, "#tiles", "60");
  t.equal(await cell(page, "chat-3", "Connections").innerText(), "30");
  t.equal(page.url(), url);
  t.notOk(
    asked.some((address) => address.includes(token)),
    "no request's address holds it",
  );
  t.ok(
    asked.every((address) => address.startsWith(new URL(url).origin)),
    "nobody else is asked",
  );
  const charts = page.locator(".chart svg[role=img]");
  t.equal(await charts.count(), 4);
  t.equal(await page.locator("#chart-connections path.series").count(), SERVERS);
  t.match(await charts.first().getAttribute("aria-label"), /Connections: 60 in total/);
  await page.reload();
  await says(page, "#link", "Live");
  t.same(complaints, []);
  await page.context().close();
});

t.test("it goes on by itself: new figures, new events", { skip }, async (t) => {
  const place = await stage(t);
  const { page, complaints } = await pageOf();
  await page.goto(`${place.url}#token=${token}`);
  await says(page, "#tiles", "60");
  await page.locator("#no-events").waitFor();
  place.tell(2, { life: "resting" });
  await place.second([10, 0, 30]);
  await says(page, "#events li[data-kind=died]", "chat-2 died");
  await says(page, '#servers tr[data-server="chat-2"] td[data-title="State"]', "down");
  place.tell(2, { life: "running", restarts: 1 });
  place.tell(3, { duty: "draining" });
  await place.second([100, 101, 5]);
  await says(page, "#tiles", "206");
  await says(page, "#events li[data-kind=returned]", "chat-2 serves again");
  await says(page, '#servers tr[data-server="chat-3"] td[data-title="State"]', "draining");
  t.equal(await page.locator("#events li").count(), 3);
  t.equal(await page.locator("#chart-connections line.mark").count(), 3);
  t.same(complaints, []);
  await page.context().close();
});

t.test("a wrong token is told, and another one taken", { skip }, async (t) => {
  const { url } = await stage(t);
  const { page } = await pageOf();
  await page.goto(`${url}#token=${"x".repeat(43)}`);
  await says(page, "#refusal", "not the token of this service");
  t.ok(await page.locator("#board").isHidden());
  t.equal(await page.evaluate("sessionStorage.length"), 0);
  await page.getByLabel("Operator token").fill(token);
  await page.getByRole("button", { name: "Show the load" }).click();
  await says(page, "#link", "Live");
  t.equal(await page.evaluate("localStorage.length"), 0);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.locator("#gate").waitFor();
  t.equal(await page.evaluate("sessionStorage.length"), 0);
  await page.context().close();
});

t.test("it says that the connection is lost, and finds back by itself", { skip }, async (t) => {
  const place = await stage(t);
  const { page } = await pageOf();
  await page.goto(`${place.url}#token=${token}`);
  await says(page, "#link", "Live");
  await page.route("**/v1/operator/**", (route) => route.abort());
  await says(page, "#link", "Connection lost");
  t.equal(await page.locator("#board").getAttribute("data-stale"), "true");
  t.ok(await page.locator("#tiles").isVisible(), "what was known stays");
  await page.unroute("**/v1/operator/**");
  await place.second([1, 2, 4]);
  await says(page, "#link", "Live");
  await says(page, "#tiles", "7");
  await page.context().close();
});

t.test("nothing sticks out on a phone, and every figure has its title there", { skip }, async (t) => {
  const { url } = await stage(t);
  for (const width of [320, 390, 768]) {
    const { page } = await pageOf({ viewport: { width, height: 800 } });
    await page.goto(`${url}#token=${token}`);
    await says(page, "#link", "Live");
    await page.locator("#chart-delay path.series").first().waitFor({ state: "attached" });
    t.ok(Number(await page.evaluate("document.documentElement.scrollWidth")) <= width, `${width} pixels`);
    await page.context().close();
  }
});

t.test("by night it is dark, by day it is light", { skip }, async (t) => {
  const { url } = await stage(t);
  const grounds: number[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    const { page } = await pageOf({ colorScheme });
    await page.goto(url);
    await page.locator("#gate").waitFor();
    const color = String(await page.evaluate("getComputedStyle(document.body).backgroundColor"));
    grounds.push(Math.max(...(color.match(/\d+/g) ?? []).map(Number)));
    await page.context().close();
  }
  t.ok((grounds[0] ?? 0) > 200 && (grounds[1] ?? 255) < 60, grounds.join(" "));
});

t.test("the page of the API's documents works under its policy, without the network", { skip }, async (t) => {
  const { url } = await stage(t);
  const { page, complaints } = await pageOf();
  const { origin } = new URL(url);
  const elsewhere: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith("data:"))
      elsewhere.push(request.url());
  });
  await page.goto(`${origin}/docs/`);
  await page.locator(".opblock-summary-path", { hasText: "/v1/place" }).first().waitFor();
  await page.locator(".opblock-tag", { hasText: "operators" }).waitFor();
  t.same(elsewhere, []);
  t.same(complaints, []);
  await page.context().close();
});

function pageOf(options?: Parameters<typeof openPage>[1]): ReturnType<typeof openPage> {
  if (browser === null) throw new Error("the browser was not started");
  return openPage(browser, options);
}
