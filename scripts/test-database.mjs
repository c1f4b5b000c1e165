// Two PostgreSQL databases for the tests, the service's and the archive's, each under a role that may do nothing else.
//   node scripts/test-database.mjs create        prints their addresses, a line each; nothing where no server answers
//   node scripts/test-database.mjs drop URL…     removes what create made
//   node scripts/test-database.mjs admin         prints the address of whoever makes them, where one answers
// FASTCHAT_TEST_DATABASE_URL names a database that is there already; then that one is printed and never dropped.
// FASTCHAT_TEST_ADMIN_URL names somebody else to make them, a superuser.
import { randomBytes } from "node:crypto";
import pg from "pg";

const ADMIN = process.env["FASTCHAT_TEST_ADMIN_URL"] || "postgres://postgres@127.0.0.1:5432/postgres";
const MADE = /^postgres(?:ql)?:\/\/(fastchat_test_[0-9a-f]{12}):/;

const [, , action, ...urls] = process.argv;
if (action === "create") await create();
else if (action === "drop") await drop(urls);
else if (action === "admin") await admin();
else {
  console.error("usage: test-database.mjs create | drop URL… | admin");
  process.exitCode = 2;
}

async function create() {
  const given = process.env["FASTCHAT_TEST_DATABASE_URL"];
  if (given) {
    console.log(given);
    if (process.env["FASTCHAT_TEST_ARCHIVE_DATABASE_URL"]) {
      console.log(process.env["FASTCHAT_TEST_ARCHIVE_DATABASE_URL"]);
    }
    return;
  }
  const admin = await connect();
  if (admin === null) return;
  for (let i = 0; i < 2; i++) {
    const name = `fastchat_test_${randomBytes(6).toString("hex")}`;
    const password = randomBytes(16).toString("hex");
    await admin.query(`CREATE ROLE ${name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '${password}'`);
    await admin.query(`CREATE DATABASE ${name} OWNER ${name}`);
    await admin.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
    console.log(Object.assign(new URL(ADMIN), { username: name, password, pathname: name }).href);
  }
  await admin.end();
}

async function drop(made) {
  const names = made.flatMap((url) => MADE.exec(url)?.[1] ?? []);
  const admin = names.length === 0 ? null : await connect();
  if (admin === null) return;
  for (const name of names) {
    await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await admin.query(`DROP ROLE IF EXISTS ${name}`);
  }
  await admin.end();
}

async function admin() {
  const client = await connect();
  if (client === null) return;
  console.log(ADMIN);
  await client.end();
}

async function connect() {
  const client = new pg.Client({ connectionString: ADMIN, connectionTimeoutMillis: 3000 });
  try {
    await client.connect();
    return client;
  } catch {
    return null;
  }
}
