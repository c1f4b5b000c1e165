/** One database's address with another's role, as `pg` itself reads what comes out. */
import { Client, defaults } from "pg";
import t from "tap";
import { addressWithRoleOf } from "../../src/supervisor/address-with-role.js";

function read(address: string) {
  const { host, port, database, user, password } = new Client({ connectionString: address });
  return { host, port, database, user, password };
}

t.test("host, port and database are the one's, user and password the other's", (t) => {
  const joined = addressWithRoleOf("postgres://b:pb@two:5433/archive", "postgresql://a:pa@one:5432/service");
  t.same(read(joined), { host: "two", port: 5433, database: "archive", user: "a", password: "pa" });
  t.end();
});

t.test("whatever a password holds, it arrives as pg would have read it in its own address", (t) => {
  for (const user of ["a", "%40dmin", "", "a%2Fb"]) {
    for (const password of [
      "",
      "pw",
      "p%40%3A%2F%3F%23%26%3D%2B",
      "p w",
      "p%w",
      "50%",
      "p+w",
      "%C3%A9",
      "é",
    ]) {
      const role = `postgres://${user}:${password}@one/service`;
      // Not even pg takes an escape that is cut off.
      if (password === "50%") continue;
      const { user: wanted, password: secret } = read(role);
      const { user: got, password: gotSecret } = read(addressWithRoleOf("postgres://b:pb@two/archive", role));
      t.same([got, gotSecret], [wanted, secret], role);
    }
  }
  t.end();
});

t.test("parameters go before what stands in front of them, in both addresses", (t) => {
  const joined = addressWithRoleOf(
    "postgres://b:pb@ignored/archive?host=/run/postgresql&port=5433&user=bb&password=pbb",
    "postgres://a:pa@one/service?user=aa&password=x&password=p%26a",
  );
  t.same(read(joined), {
    host: "/run/postgresql",
    port: 5433,
    database: "archive",
    user: "aa",
    password: "p&a",
  });
  t.end();
});

t.test("sockets and addresses without a host keep their way", (t) => {
  const role = "postgres://a:pa@/service?host=/elsewhere";
  for (const [place, host] of [
    ["postgres:///archive", "localhost"],
    ["postgres:///archive?host=/run/pg", "/run/pg"],
    ["postgres://b:pb@/archive?host=/run/pg", "/run/pg"],
    ["postgres://b:pb@%2Frun%2Fpg/archive", "/run/pg"],
    ["postgres://b:pb@[::1]/archive", "::1"],
  ] as const) {
    const joined = read(addressWithRoleOf(place, role));
    t.same(joined, { host, port: 5432, database: "archive", user: "a", password: "pa" }, place);
  }
  t.end();
});

t.test("a role without a password does not get the other's, nor one without a name", (t) => {
  const joined = read(addressWithRoleOf("postgres://b:pb@two/archive", "postgres://a@one/service"));
  t.match(joined, { user: "a", password: null });
  const nameless = read(addressWithRoleOf("postgres://b:pb@two/archive", "postgres://one/service"));
  t.match(nameless, { user: defaults.user, password: null });
  t.end();
});

t.test("a database that is not named stays that of its own user", (t) => {
  const role = "postgres://a:pa@one/service";
  t.match(read(addressWithRoleOf("postgres://b:pb@two", role)), { database: "b", user: "a" });
  t.match(read(addressWithRoleOf("postgres://b:pb@two/?user=c", role)), { database: "c", user: "a" });
  const { user } = defaults;
  t.teardown(() => Object.assign(defaults, { user }));
  defaults.user = "who-runs-this";
  t.match(read(addressWithRoleOf("postgres://two", role)), { database: "who-runs-this", user: "a" });
  t.end();
});

t.test("TLS is used as the database's address says, with the role's certificate", (t) => {
  const parameters = (place: string, role: string) =>
    Object.fromEntries(
      new URL(addressWithRoleOf(`postgres://two/b?${place}`, `postgres://one/a?${role}`)).searchParams,
    );
  t.same(parameters("sslmode=no-verify&user=b", "user=a&sslmode=disable"), {
    sslmode: "no-verify",
    user: "a",
  });
  t.same(
    parameters(
      "sslmode=verify-full&sslrootcert=ca&sslcert=b.pem&sslkey=b.key&user=b",
      "sslcert=a.pem&sslkey=a.key&user=a",
    ),
    { sslmode: "verify-full", sslrootcert: "ca", sslcert: "a.pem", sslkey: "a.key", user: "a" },
  );
  t.same(
    parameters("sslcert=b.pem&sslkey=b.key&user=b", "user=a"),
    { sslmode: "verify-full", user: "a" },
    "TLS stays on without the certificate that turned it on",
  );
  t.same(parameters("user=b", "sslcert=a.pem&user=a"), { user: "a" }, "a certificate does not turn it on");
  t.same(parameters("ssl=0&user=b", "sslcert=a.pem&user=a"), { ssl: "0", user: "a" });
  t.end();
});

t.test("a role, a search path or a limit that the database's address sets is not for the other", (t) => {
  const place = "postgres://b@two/archive?options=-c%20role%3Db&statement_timeout=1&application_name=x";
  t.equal(addressWithRoleOf(place, "postgres://a:pa@one/s"), "postgres://two/archive?user=a&password=pa");
  t.end();
});
