/** One chat server is ended: when its people are back, and when it takes part again. */
import type { SignedIn } from "../../src/protocol/http.js";
import type { ServerId } from "../../src/protocol/ids.js";
import type { Connections } from "../service/connections.js";
import { Device } from "../service/device.js";
import type { SystemNews, WatchedSystem } from "../service/watched-system.js";
import type { Crowd } from "./crowd.js";

/** All in milliseconds from the order to end it. */
export interface ServerDeath {
  readonly server: ServerId;
  /** For each who was connected there: until they were back, and all that waited had come. */
  readonly backMs: readonly number[];
  /** Of those, how many came back to the same server, which was there again by then. */
  readonly toTheSame: number;
  /** The thread said that it is ready. */
  readonly readyMs: number;
  /** The view that has it again held. */
  readonly inViewMs: number;
  /** Somebody new who was placed there got a message through. */
  readonly partMs: number;
  /** Sessions lost a second time before all were back. */
  readonly again: number;
}

const PROBES = 40;

/** @param strangers somebody new each time, to try whether new people are placed there */
export async function endServer(
  system: WatchedSystem,
  crowd: Crowd,
  connections: Connections,
  server: ServerId,
  strangers: Iterator<SignedIn>,
): Promise<{ readonly death: ServerDeath; readonly probes: readonly Device[] }> {
  const hit = crowd.on(server);
  const spell = crowd.watch();
  system.forgetPeaks();
  const ready = system.when(`${server} to be ready`, (news) => isReady(news, server));
  const inView = ready.then(() => system.when(`a view with ${server}`, (news) => isView(news, server)));
  const killedAt = performance.now();
  system.end(server);
  const [readyAt, inViewAt] = await Promise.all([ready, inView]);
  const { partAt, probes } = await takePart(crowd, connections, server, strangers);
  await crowd.whenAllBack();
  const back = hit.flatMap((device) => {
    const at = spell.backAt.get(device);
    return at === undefined ? [] : [at - killedAt];
  });
  const death: ServerDeath = {
    server,
    backMs: back,
    toTheSame: hit.filter((device) => device.server === server).length,
    readyMs: readyAt - killedAt,
    inViewMs: inViewAt - killedAt,
    partMs: partAt - killedAt,
    again: [...spell.downs.values()].reduce((sum, downs) => sum + downs - 1, 0),
  };
  return { death, probes };
}

/** New people come until one is placed on that server, and has somebody of the crowd acknowledge a message. */
async function takePart(
  crowd: Crowd,
  connections: Connections,
  server: ServerId,
  strangers: Iterator<SignedIn>,
): Promise<{ readonly partAt: number; readonly probes: readonly Device[] }> {
  const probes: Device[] = [];
  while (probes.length < PROBES) {
    const stranger = strangers.next();
    if (stranger.done === true) break;
    const probe = new Device(connections, stranger.value, 512, {});
    probes.push(probe);
    crowd.writeSomebody(probe);
    await probe.whenAccepted();
    if (probe.server === server) return { partAt: performance.now(), probes };
  }
  for (const probe of probes) probe.close();
  throw new Error(`none of ${probes.length} new people was placed on ${server}`);
}

function isReady(news: SystemNews, server: ServerId): boolean {
  return news.from === "inside" && news.message.type === "ready" && news.message.thread === server;
}

function isView(news: SystemNews, server: ServerId): boolean {
  if (news.from !== "log" || news.line.msg !== "the servers share the accounts anew") return false;
  const { servers } = news.line as { readonly servers?: unknown };
  return Array.isArray(servers) && servers.includes(server);
}
