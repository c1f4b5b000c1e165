/**
 * OPAQUE as the rest of the system sees it, without its mathematics: who knows the password gets in and has the export
 * key, who does not does neither. The library's own threads would take real time.
 */
import { createHash } from "node:crypto";
import type { OpaqueClient } from "../../src/client/core/ports.js";
import type { OpaqueServer } from "../../src/lb/opaque-server.js";
import { toBase64Url, utf8 } from "../../src/protocol/bytes.js";

function digest(...parts: readonly string[]): Uint8Array {
  return new Uint8Array(createHash("sha512").update(parts.join("\0")).digest());
}

function proofOf(record: string): string {
  return toBase64Url(digest("proof", record));
}

function recordOf(name: string, password: string): string {
  return toBase64Url(digest("record", name, password));
}

const REQUEST = toBase64Url(utf8("request"));
const RESPONSE = toBase64Url(utf8("response"));

export const opaqueClient: OpaqueClient = {
  startRegistration: () => Promise.resolve({ state: "", request: REQUEST }),
  finishRegistration: ({ name, password }) =>
    Promise.resolve({ record: recordOf(name, password), exportKey: digest("export", name, password) }),
  startLogin: () => Promise.resolve({ state: "", request: REQUEST }),
  finishLogin: ({ name, password, response }) => {
    const proof = proofOf(recordOf(name, password));
    return Promise.resolve(
      proof === response ? { request: proof, exportKey: digest("export", name, password) } : null,
    );
  },
};

export const opaqueServer: OpaqueServer = {
  decoy: toBase64Url(digest("decoy")),
  register: () => Promise.resolve(RESPONSE),
  isRecord: () => Promise.resolve(true),
  startLogin: (_name, record) => Promise.resolve({ state: proofOf(record), response: proofOf(record) }),
  finishLogin: (_name, state, request) => Promise.resolve(state === request),
  close: () => Promise.resolve(),
};
