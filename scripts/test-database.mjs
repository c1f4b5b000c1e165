// A PostgreSQL database for the tests, under a role of its own that may do nothing else.
//   node scripts/test-database.mjs create      prints its address, or nothing where no server answers
//   node scripts/test-database.mjs drop URL    removes what create made
// FASTCHAT_TEST_DATABASE_URL names a database that is there already; then that one is printed and never dropped.
import { randomBytes } from "node:crypto";
import pg from "pg";

const ADMIN = "postgres://postgres@127.0.0.1:5432/postgres";
const MADE = /^postgres:\/\/(fastchat_test_[0-9a-f]{12}):/;

const [, , action, url = ""] = process.argv;
if (action === "create") await create();
else if (action === "drop") await drop(url);
else {
  console.error("usage: test-database.mjs create | drop URL");
  process.exitCode = 2;
}

async function create() {
  const given = process.env["FASTCHAT_TEST_DATABASE_URL"];
  if (given) {
    console.log(given);
    return;
  }
  const admin = await connect();
  if (admin === null) return;
  const name = `fastchat_test_${randomBytes(6).toString("hex")}`;
  const password = randomBytes(16).toString("hex");
  await admin.query(`CREATE ROLE ${name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '${password}'`);
  await admin.query(`CREATE DATABASE ${name} OWNER ${name}`);
  await admin.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
  await admin.end();
  console.log(`postgres://${name}:${password}@127.0.0.1:5432/${name}`);
}

async function drop(made) {
  const name = MADE.exec(made)?.[1];
  if (name === undefined) return;
  const admin = await connect();
  if (admin === null) return;
  await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await admin.query(`DROP ROLE IF EXISTS ${name}`);
  await admin.end();
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
