/** What the balancer speaks over HTTPS (PROTOCOL.md, "Accounts and placement"): one schema for type, validation and OpenAPI. */
import Type, { type Static } from "#typebox";
import { MAX_TYPED_INVITE } from "./invite-code.js";
import {
  AccountIdSchema,
  Base64Url,
  Counter,
  DeviceIdSchema,
  Host,
  Port,
  ServerIdSchema,
  UserNameSchema,
} from "./schema.js";

/** A message of the OPAQUE exchange (RFC 9807), as its library spells it. */
const Opaque = Base64Url(1, 2048, "OPAQUE message (RFC 9807), base64url");
const DeviceLabel = Type.String({
  maxLength: 64,
  // The one character that no database keeps.
  pattern: "^[^\\u0000]*$",
  description: "What the person sees in the list of devices, without U+0000",
});

/** Cost of the password hash on the client: Argon2id (RFC 9106). It travels with the account's record. */
export const Stretching = Type.Object({
  algorithm: Type.Literal("argon2id"),
  iterations: Type.Integer({ minimum: 1, maximum: 64 }),
  memoryKiB: Type.Integer({ minimum: 8, maximum: 4 * 1024 * 1024 }),
  parallelism: Type.Integer({ minimum: 1, maximum: 16 }),
});
export type Stretching = Static<typeof Stretching>;

/** A card: the public keys of an account, signed by its identity key. Cards are public. */
export const Card = Type.Object({
  name: UserNameSchema,
  identityKey: Base64Url(32, 32, "Ed25519 public key, raw"),
  encryptionKey: Base64Url(200, 1200, "RSA public key, SubjectPublicKeyInfo in DER"),
  generation: Type.Integer({ minimum: 1, maximum: 0xffffffff }),
  signature: Base64Url(64, 64, "Ed25519 signature over the card under the identity key"),
});
export type Card = Static<typeof Card>;

/** A vault as the service keeps it: sealed by the client, opaque to everyone else. */
export const VaultRecord = Type.Object({
  generation: Type.Integer({ minimum: 1, maximum: 0xffffffff }),
  sealed: Base64Url(1, 64 * 1024, "The sealed vault"),
  wrappings: Type.Array(
    Type.Object({
      kind: Type.String({ pattern: "^[a-z-]{1,32}$", description: "password, recovery" }),
      wrapped: Base64Url(1, 4096, "The vault key, wrapped"),
    }),
    { minItems: 1, maxItems: 8 },
  ),
});
export type VaultRecord = Static<typeof VaultRecord>;

/** Who may make an account. */
export const RegistrationMode = Type.Union(
  [Type.Literal("open"), Type.Literal("invite"), Type.Literal("closed")],
  { description: "Who may sign up: anybody; whoever has an invite; nobody" },
);
export type RegistrationMode = Static<typeof RegistrationMode>;
const Invite = Type.String({
  maxLength: MAX_TYPED_INVITE,
  description: "Code of an invite; needed where registration is by invite, else ignored",
});

export const RegisterStart = Type.Object({
  name: UserNameSchema,
  request: Opaque,
  invite: Type.Optional(Invite),
});
export type RegisterStart = Static<typeof RegisterStart>;
export const RegisterStarted = Type.Object({ response: Opaque, stretching: Stretching });
export type RegisterStarted = Static<typeof RegisterStarted>;

export const RegisterFinish = Type.Object({
  name: UserNameSchema,
  record: Opaque,
  stretching: Stretching,
  card: Card,
  vault: VaultRecord,
  device: DeviceLabel,
  invite: Type.Optional(Invite),
});
export type RegisterFinish = Static<typeof RegisterFinish>;

/** A session: the token is shown once, the service keeps its SHA-256. */
export const SignedIn = Type.Object({
  account: AccountIdSchema,
  device: DeviceIdSchema,
  token: Base64Url(32, 32, "Session token"),
});
export type SignedIn = Static<typeof SignedIn>;

export const LoginStart = Type.Object({ name: UserNameSchema, request: Opaque });
export type LoginStart = Static<typeof LoginStart>;
export const LoginStarted = Type.Object({
  login: Base64Url(16, 16, "Names this login in the next step"),
  response: Opaque,
  stretching: Stretching,
});
export type LoginStarted = Static<typeof LoginStarted>;

export const LoginFinish = Type.Object({
  login: Base64Url(16, 16, "From the first step"),
  request: Opaque,
  device: DeviceLabel,
});
export type LoginFinish = Static<typeof LoginFinish>;
export const LoginFinished = Type.Object({ session: SignedIn, card: Card, vault: VaultRecord });
export type LoginFinished = Static<typeof LoginFinished>;

/** Where the archive listens. */
export const ArchiveAddress = Type.Object({ host: Host, port: Port });
export type ArchiveAddress = Static<typeof ArchiveAddress>;

/** Where to connect, and the ticket that the chat server asks for. */
export const Placement = Type.Object({
  server: Type.Object({ id: ServerIdSchema, host: Host, port: Port }),
  archive: ArchiveAddress,
  ticket: Base64Url(1, 1024, "Ticket for that server and its present start; single use"),
  /** How long the ticket is good for, in milliseconds. */
  validMs: Counter,
});
export type Placement = Static<typeof Placement>;

/** Right to make one archive, or to store one file. It names no account. */
export const Voucher = Type.Object({ voucher: Base64Url(1, 512, "Single use") });
export type Voucher = Static<typeof Voucher>;

/** Asks for the right to store one file. */
export const FileVoucherRequest = Type.Object({
  bytes: Type.Integer({
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    description: "Size of all its sealed chunks",
  }),
});
export type FileVoucherRequest = Static<typeof FileVoucherRequest>;

/** The devices that are signed in to an account, the one that was here last first. */
export const Devices = Type.Object({
  devices: Type.Array(
    Type.Object({
      device: DeviceIdSchema,
      label: DeviceLabel,
      /** Milliseconds since 1970. */
      signedInAt: Counter,
      /** Milliseconds since 1970, to the minute or so. */
      lastUsedAt: Counter,
    }),
  ),
});
export type Devices = Static<typeof Devices>;

const SealedCheckpoint = Base64Url(1, 1024, "Sealed by the client");
/** The account's checkpoint of its archive, sealed. */
export const ServiceCheckpoint = Type.Object({ sealed: Type.Union([SealedCheckpoint, Type.Null()]) });
export type ServiceCheckpoint = Static<typeof ServiceCheckpoint>;
/** Replaces it, if the one that stands is still `instead` (null: there is none). */
export const ReplaceCheckpoint = Type.Object({
  instead: Type.Union([SealedCheckpoint, Type.Null()]),
  sealed: SealedCheckpoint,
});
export type ReplaceCheckpoint = Static<typeof ReplaceCheckpoint>;
export const CheckpointReplaced = Type.Object({ replaced: Type.Boolean() });
export type CheckpointReplaced = Static<typeof CheckpointReplaced>;

export const CardsRequest = Type.Object({
  accounts: Type.Array(AccountIdSchema, { minItems: 1, maxItems: 200 }),
});
export type CardsRequest = Static<typeof CardsRequest>;
export const CardsFound = Type.Object({ cards: Type.Array(Card) });
export type CardsFound = Static<typeof CardsFound>;

export const NameParam = Type.Object({ name: UserNameSchema });
export type NameParam = Static<typeof NameParam>;

/** What anyone may know of the service before signing in. */
export const ServiceInfo = Type.Object({
  protocol: Type.Integer({ minimum: 0, description: "Version of the chat protocol" }),
  version: Type.String({ description: "Release of FastChat" }),
  minimumStretching: Stretching,
  registration: RegistrationMode,
});
export type ServiceInfo = Static<typeof ServiceInfo>;

/** Every failure over HTTP. */
export const HttpError = Type.Object({
  code: Type.String({ description: "A code of the error table" }),
  message: Type.String(),
  retryAfterMs: Type.Optional(Counter),
});
export type HttpError = Static<typeof HttpError>;

/** Paths, in one place for server and client. */
export const PATHS = {
  service: "/v1/service",
  registerStart: "/v1/register/start",
  registerFinish: "/v1/register/finish",
  loginStart: "/v1/login/start",
  loginFinish: "/v1/login/finish",
  logout: "/v1/logout",
  place: "/v1/place",
  archive: "/v1/archive",
  voucher: "/v1/archive/voucher",
  fileVoucher: "/v1/files/voucher",
  vault: "/v1/vault",
  checkpoint: "/v1/checkpoint",
  devices: "/v1/devices",
  cards: "/v1/cards",
  cardOf: (name: string) => `/v1/cards/${encodeURIComponent(name)}`,
} as const;
