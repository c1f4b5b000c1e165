import t from "tap";
import { StoreError, storeError } from "../../src/store/database.js";
import { failureKind, isSqlState } from "../../src/store/sqlstate.js";

t.test("failures are sorted by what helps", (t) => {
  const cases: Record<string, ReturnType<typeof failureKind>> = {
    "08006": "retry", // the connection failed
    "25P03": "retry", // a transaction was idle for too long
    "25006": "retry", // a replica, during a failover
    "3D000": "retry", // no such database yet
    "40001": "retry", // could not be serialised
    "40P01": "retry", // deadlock
    "53100": "retry", // disk full
    "53300": "retry", // too many connections
    "55P03": "retry", // a lock is not to be had
    "57014": "retry", // cancelled, by a timeout for one
    "57P01": "retry", // the server shuts down
    "58030": "retry", // input or output failed
    XX000: "retry", // internal
    ECONNRESET: "retry",
    EPIPE: "retry",
    unknown: "retry",
    "22001": "rejected", // text too long
    "22021": "rejected", // not of the encoding
    "23503": "rejected", // foreign key
    "23505": "rejected", // unique key
    "08P01": "defect", // protocol
    "0A000": "defect", // not supported
    "21000": "defect", // cardinality
    "26000": "defect", // no such prepared statement
    "42601": "defect", // syntax
    "42P01": "defect", // no such table
    "54000": "defect", // beyond a limit of the program
  };
  for (const [code, kind] of Object.entries(cases)) t.equal(failureKind(code), kind, code);
  t.end();
});

t.test("a system error code is no SQLSTATE, though it may have five letters", (t) => {
  t.ok(isSqlState("23505"));
  t.ok(isSqlState("XX000"));
  t.notOk(isSqlState("EPIPE"));
  t.notOk(isSqlState("ECONNREFUSED"));
  t.notOk(isSqlState(undefined));
  t.end();
});

t.test("any failure becomes a StoreError that keeps its cause", (t) => {
  const cause = Object.assign(new Error("duplicate key"), {
    code: "23505",
    constraint: "accounts_name_taken",
  });
  const rejected = storeError(cause);
  t.match(rejected, {
    kind: "rejected",
    code: "internal",
    reason: "23505",
    constraint: "accounts_name_taken",
  });
  t.equal(rejected.cause, cause);
  t.equal(storeError(rejected), rejected);
  t.match(storeError(new Error("Connection terminated unexpectedly")), {
    kind: "retry",
    code: "unavailable",
  });
  t.match(storeError("nonsense"), { kind: "retry", reason: "unknown" });
  t.end();
});

t.test("a value that cannot be sent is a defect, and is not tried again", (t) => {
  t.equal(storeError(new TypeError("cyclic object value")).kind, "defect");
  t.equal(storeError(new RangeError("out of range")).kind, "defect");
  t.end();
});

t.test("a full disk has a code of its own", (t) => {
  t.equal(storeError({ code: "53100", message: "could not extend file" }).code, "diskFull");
  t.equal(new StoreError("retry", "57P03", undefined, "starting up").code, "unavailable");
  t.end();
});
