/** Addresses of PostgreSQL, as `pg` understands them: parameters go before what stands in front of the question mark. */
import { defaults } from "pg";

/** What leads to a database and secures the way. */
const WAY = ["host", "port", "ssl", "sslmode", "sslrootcert", "sslnegotiation", "uselibpqcompat"];
/** With these a role proves itself; the key is of no use elsewhere. */
const CERTIFICATE = ["sslcert", "sslkey"];
/** Any of them turns TLS on, unless `sslmode` is `disable`. */
const TLS = ["ssl", "sslmode", "sslrootcert", "sslnegotiation", "sslcert", "sslkey"];

/**
 * The database of one address with the role of another. Other parameters are left out: they may name a role of their own
 * (`options=-c role=…`), which would be refused in the place of the one that is tried.
 *
 * @param place of this: host, port, database, and how TLS is used
 * @param role of this: user, password and client certificate
 * @throws TypeError where one of them is no address
 */
export function addressWithRoleOf(place: string, role: string): string {
  const to = parse(place);
  const from = parse(role);
  const way = parametersOf(to);
  const proof = parametersOf(from);
  const parameters = new URLSearchParams();
  const take = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== "") parameters.set(name, value);
  };
  for (const name of WAY) take(name, way[name]);
  if (TLS.some((name) => name in way) && way["ssl"] !== "0") {
    for (const name of CERTIFICATE) take(name, proof[name]);
    // Its own certificate may have been all that turned TLS on.
    if (!parameters.has("ssl") && !parameters.has("sslmode")) parameters.set("sslmode", "verify-full");
  }
  // As parameters: a URL without a host, as for a Unix socket, can hold no user in front of it.
  take("user", userOf(from));
  take("password", proof["password"] || decodeURIComponent(from.password));
  // A database that is not named has its own user's name, not that of the role that is tried.
  if (to.pathname.length <= 1) to.pathname = `/${encodeURIComponent(userOf(to) || (defaults.user ?? ""))}`;
  to.username = "";
  to.password = "";
  to.search = parameters.toString();
  return to.href;
}

function userOf(url: URL): string {
  return parametersOf(url)["user"] || decodeURIComponent(url.username);
}

/** Of those that are given twice the last counts. */
function parametersOf(url: URL): Partial<Record<string, string>> {
  return Object.fromEntries(url.searchParams);
}

/**
 * A space or a percent sign that begins no escape makes `pg` take all of them but `%` and two digits for themselves. And an
 * address with a user but no host, as `postgres://me:secret@/name?host=/run/postgresql`, is none to `URL`.
 */
function parse(address: string): URL {
  const literal = / |%[^a-f0-9]|%[a-f0-9][^a-f0-9]/i.test(address);
  const escaped = literal ? encodeURI(address).replaceAll(/%25(\d\d)/g, "%$1") : address;
  return new URL(URL.canParse(escaped) ? escaped : escaped.replace("@/", "@localhost/"));
}
