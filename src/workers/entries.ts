/** What each kind of thread is started with (`workerData`): its part of the configuration, and no more secrets than it needs. */
import type { Config } from "../config.js";
import type { RegistrationMode } from "../protocol/http.js";
import type { Incarnation, ServerId } from "../protocol/ids.js";
import type { DatabaseAddress } from "../store/database.js";

/** The certificate all listeners share, in PEM. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
}

interface Common {
  readonly log: Config["log"];
  readonly limits: Config["limits"];
  readonly timeouts: Config["timeouts"];
}

export interface DatabaseThreadData extends Common {
  /** Shown in logs: `service` or `archive`. */
  readonly name: string;
  /** Folder of the embedded engine's files. */
  readonly folder: string;
  /** A short folder of mode 0700; the socket in it is named as PostgreSQL names its own: `.s.PGSQL.5432`. */
  readonly socketDirectory: string;
  /** Memory of a StatementCount, by which the supervisor sees what the thread cannot say while it computes. */
  readonly statements: SharedArrayBuffer;
}

export interface BalancerThreadData extends Common {
  readonly tls: TlsMaterial;
  readonly database: DatabaseAddress;
  readonly host: string;
  readonly port: number;
  /** Told to clients as the host of servers and archive. */
  readonly publicHost: string;
  readonly strategy: string;
  readonly registration: RegistrationMode;
  readonly password: Config["password"];
  /** The OPAQUE server setup, as its library spells it. */
  readonly opaqueSetup: string;
  /** Ed25519 private key of tickets and vouchers, PKCS #8 in PEM. */
  readonly grantKey: string;
  /** SHA-256 of the operator token, 32 bytes. */
  readonly operatorTokenHash: Uint8Array;
}

export interface ChatThreadData extends Common {
  readonly tls: TlsMaterial;
  readonly database: DatabaseAddress;
  readonly host: string;
  readonly port: number;
  readonly id: ServerId;
  readonly incarnation: Incarnation;
  /** Ed25519 public key that verifies tickets, SubjectPublicKeyInfo in PEM. */
  readonly grantPublicKey: string;
}

export interface ArchiveThreadData extends Common {
  readonly tls: TlsMaterial;
  readonly database: DatabaseAddress;
  readonly host: string;
  readonly port: number;
  /** Ed25519 public key that verifies vouchers, SubjectPublicKeyInfo in PEM. */
  readonly grantPublicKey: string;
}
