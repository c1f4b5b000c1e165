import t from "tap";
import { LastUsed } from "../../src/lb/last-used.js";
import type { DeviceId } from "../../src/protocol/ids.js";
import type { Log } from "../../src/protocol/runtime.js";
import { deviceId } from "./loads.js";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Sessions whose writes end when a test says so. */
function slowSessions() {
  const writes: { devices: readonly DeviceId[]; at: number; end: (error?: Error) => void }[] = [];
  const touch = (devices: readonly DeviceId[], at: number) =>
    new Promise<void>((resolve, reject) => {
      const end = (error?: Error): void => (error === undefined ? resolve() : reject(error));
      writes.push({ devices, at, end });
    });
  return { writes, lastUsed: new LastUsed({ touch }, silent) };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

t.test("devices that come while one note is written are noted together", async (t) => {
  const { writes, lastUsed } = slowSessions();
  lastUsed.note(deviceId(1), 1);
  lastUsed.note(deviceId(2), 2);
  lastUsed.note(deviceId(3), 3);
  lastUsed.note(deviceId(2), 4);
  t.equal(writes.length, 1);
  writes[0]?.end();
  await turn();
  t.match(writes[1], { devices: [deviceId(2), deviceId(3)], at: 4 });
  writes[1]?.end();
  await lastUsed.settled();
});

t.test("a note that cannot be written troubles nobody, and the next one is", async (t) => {
  const { writes, lastUsed } = slowSessions();
  lastUsed.note(deviceId(1), 1);
  writes[0]?.end(new Error("the disk is full"));
  await lastUsed.settled();
  lastUsed.note(deviceId(1), 2);
  t.match(writes[1], { devices: [deviceId(1)], at: 2 });
  writes[1]?.end();
  await lastUsed.settled();
});
