import t from "tap";
import { parseUserName } from "../../src/protocol/ids.js";
import { PendingLogins } from "../../src/lb/pending-logins.js";
import { systemRandom } from "../../src/node/clock.js";
import { VirtualClock } from "../../bench/simulation/virtual-clock.js";
import { known } from "./loads.js";

const stretching = { algorithm: "argon2id", iterations: 1, memoryKiB: 8, parallelism: 1 } as const;
const login = (state: string) => ({
  name: known(parseUserName("alice")),
  credentials: { account: null, record: "record", stretching },
  state,
});

function pending(most = 3) {
  const clock = new VirtualClock();
  return { clock, logins: new PendingLogins({ clock, random: systemRandom, most, lifetimeMs: 1000 }) };
}

t.test("a handle gives its login once", (t) => {
  const { logins } = pending();
  const handle = logins.begin(login("one"));
  t.match(handle, /^[A-Za-z0-9_-]{22}$/);
  t.same(logins.take(handle), login("one"));
  t.equal(logins.take(handle), null);
  t.equal(logins.take("AAAAAAAAAAAAAAAAAAAAAA"), null);
  t.end();
});

t.test("a login that takes too long is over", (t) => {
  const { logins, clock } = pending();
  const early = logins.begin(login("early"));
  const late = logins.begin(login("late"));
  clock.advance(999);
  t.not(logins.take(early), null);
  clock.advance(1);
  t.equal(logins.take(late), null);
  t.end();
});

t.test("no more are kept than allowed: the oldest gives way, and those expired go first", (t) => {
  const { logins, clock } = pending(3);
  const handles = ["a", "b", "c", "d"].map((state) => logins.begin(login(state)));
  t.equal(logins.size, 3);
  t.equal(logins.take(handles[0] ?? ""), null);
  t.same(logins.take(handles[3] ?? ""), login("d"));
  clock.advance(1000);
  logins.begin(login("e"));
  t.equal(logins.size, 1, "nothing expired is kept");
  t.end();
});
