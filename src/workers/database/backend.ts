/**
 * What the bridge says to a PostgreSQL client by itself, and what it reads of the engine's answers (PostgreSQL
 * documentation, "Message Formats" and "Error and Notice Message Fields").
 */
import { text, uint32, wireMessage } from "./wire-message.js";

/** ReadyForQuery's byte: idle, in a transaction, in a failed transaction. */
export type TransactionStatus = "I" | "T" | "E";

/** An error as PostgreSQL words it. */
export interface SqlError {
  /** FATAL ends the connection. */
  readonly severity: "ERROR" | "FATAL" | "PANIC";
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
}

/** An error that ends the connection. */
export function fatal(code: string, message: string): SqlError {
  return { severity: "FATAL", code, message };
}

const Backend = {
  authentication: 0x52,
  backendKeyData: 0x4b,
  dataRow: 0x44,
  errorResponse: 0x45,
  negotiateProtocolVersion: 0x76,
  parameterStatus: 0x53,
  readyForQuery: 0x5a,
} as const;

/** The one byte that answers a request for encryption: go on without. */
export const NO_ENCRYPTION = Buffer.from("N");

export function authenticationOk(): Buffer {
  return wireMessage(Backend.authentication, uint32(0));
}

export function parameterStatus(name: string, value: string): Buffer {
  return wireMessage(Backend.parameterStatus, text(name), text(value));
}

/** @param secret names the connection in a CancelRequest, which is harmless here */
export function backendKeyData(processId: number, secret: number): Buffer {
  return wireMessage(Backend.backendKeyData, uint32(processId), uint32(secret));
}

/** Says that minor version 0 is spoken, and which protocol options are not known. */
export function negotiateProtocolVersion(major: number, unknownOptions: readonly string[]): Buffer {
  return wireMessage(
    Backend.negotiateProtocolVersion,
    uint32(major << 16),
    uint32(unknownOptions.length),
    ...unknownOptions.map(text),
  );
}

export function readyForQuery(status: TransactionStatus): Buffer {
  return wireMessage(Backend.readyForQuery, Buffer.from(status));
}

export function errorResponse(error: SqlError): Buffer {
  const fields = [`S${error.severity}`, `V${error.severity}`, `C${error.code}`, `M${error.message}`];
  return wireMessage(Backend.errorResponse, ...fields.map(text), Buffer.alloc(1));
}

/** What the bridge must know of the answer to one batch. */
export interface AnswerSummary {
  /** Of the last ReadyForQuery; `null` where there is none. */
  readonly status: TransactionStatus | null;
  /** The first error; `null` where everything went well. */
  readonly error: SqlError | null;
}

/** Reads whole messages of the engine. */
export function summarize(answer: Uint8Array): AnswerSummary {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.length);
  let status: TransactionStatus | null = null;
  let error: SqlError | null = null;
  for (let at = 0; at + 5 <= answer.length; at += 1 + view.getUint32(at + 1)) {
    const type = answer[at];
    if (type === Backend.readyForQuery) {
      status = String.fromCharCode(answer[at + 5] as number) as TransactionStatus;
    } else if (type === Backend.errorResponse && error === null) {
      error = readError(answer.subarray(at + 5, at + 1 + view.getUint32(at + 1)));
    }
  }
  return { status, error };
}

/** The rows in an answer, their values as text; `null` where a value is NULL. */
export function readRows(answer: Uint8Array): (string | null)[][] {
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.length);
  const rows: (string | null)[][] = [];
  for (let at = 0; at + 5 <= bytes.length; at += 1 + bytes.readUInt32BE(at + 1)) {
    if (bytes[at] !== Backend.dataRow) continue;
    const row: (string | null)[] = [];
    const columns = bytes.readUInt16BE(at + 5);
    for (let column = 0, start = at + 7; column < columns; column++) {
      const length = bytes.readInt32BE(start);
      start += 4;
      row.push(length < 0 ? null : bytes.toString("utf8", start, start + length));
      start += Math.max(length, 0);
    }
    rows.push(row);
  }
  return rows;
}

function readError(body: Uint8Array): SqlError {
  const fields = new Map<string, string>();
  for (const field of Buffer.from(body).toString("utf8").split("\0")) {
    if (field !== "") fields.set(field.charAt(0), field.slice(1));
  }
  const severity = fields.get("V");
  return {
    severity: severity === "FATAL" || severity === "PANIC" ? severity : "ERROR",
    code: fields.get("C") ?? "XX000",
    message: fields.get("M") ?? "",
  };
}
