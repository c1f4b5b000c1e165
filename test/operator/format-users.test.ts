import { Chalk } from "chalk";
import t from "tap";
import { drawInvites, drawUsers } from "../../src/operator/format-users.js";
import { parseUserName, type UserName } from "../../src/protocol/ids.js";

const paint = new Chalk({ level: 0 });
const named = (name: string): UserName => {
  const parsed = parseUserName(name);
  if (parsed === null) throw new Error("the test names a name that is none");
  return parsed;
};

t.test("accounts stand below each other; what is not known is not made up", (t) => {
  const text = drawUsers(
    [
      { name: named("alice"), since: "2026-01-31", devices: 2, lastSeen: "2026-02-01", suspended: false },
      { name: named("bartholomew"), since: null, devices: 0, lastSeen: null, suspended: true },
    ],
    paint,
  );
  t.same(text.split("\n"), [
    "name         since       devices  last seen",
    "alice        2026-01-31  2        2026-02-01",
    "bartholomew  earlier     0        -           suspended",
  ]);
  t.end();
});

t.test("invites say how long they are still good", (t) => {
  const now = Date.UTC(2026, 0, 31, 12);
  const hour = 3_600_000;
  const invite = (id: number, ms: number) => ({
    id,
    uses: 30,
    usesLeft: 7,
    madeAt: now - 24 * hour,
    expiresAt: now + ms,
  });
  const text = drawInvites(
    [invite(12, 49 * hour), invite(3, 47.5 * hour), invite(2, hour), invite(1, 1)],
    now,
    paint,
  );
  t.same(text.split("\n"), [
    "id  uses left  made        good for",
    "12  7 of 30    2026-01-30  2 days",
    "3   7 of 30    2026-01-30  47 hours",
    "2   7 of 30    2026-01-30  1 hour",
    "1   7 of 30    2026-01-30  less than an hour",
  ]);
  t.end();
});
