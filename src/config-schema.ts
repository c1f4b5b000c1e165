/** The configuration's form: every setting, its type and its bounds. What it means stands in docs/OPERATIONS.md. */
import Type, { type Static, type TSchema } from "#typebox";

const Port = Type.Integer({ minimum: 0, maximum: 65535 });
const Count = Type.Integer({ minimum: 1, maximum: 2 ** 31 });
const Ms = Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 });
const Bytes = Type.Integer({ minimum: 1024, maximum: 2 ** 30 });
const Host = Type.String({ minLength: 1, maxLength: 255 });
const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const Postgres = Type.String({ pattern: "^postgres(ql)?://.+" });

const strict = { additionalProperties: false };

/** Units stand in the names: `…Ms` milliseconds, `…Bytes` bytes, `…KiB` kibibytes; the rest are counts. */
export const ConfigSchema = Type.Object(
  {
    servers: Type.Integer({ minimum: 1, maximum: 64 }),
    host: Host,
    publicHost: nullable(Host),
    port: Port,
    archivePort: nullable(Port),
    serverPorts: nullable(Type.Array(Port, { minItems: 1, maxItems: 64 })),
    dataDir: Type.String({ minLength: 1 }),
    database: nullable(Postgres),
    archiveDatabase: nullable(Postgres),
    strategy: Type.String({ minLength: 1, maxLength: 4096 }),
    registration: Type.Union([Type.Literal("open"), Type.Literal("invite"), Type.Literal("closed")]),
    log: Type.Object(
      {
        format: Type.Union([Type.Literal("pretty"), Type.Literal("json")]),
        level: Type.Union([
          Type.Literal("debug"),
          Type.Literal("info"),
          Type.Literal("warn"),
          Type.Literal("error"),
        ]),
      },
      strict,
    ),
    certificate: Type.Object(
      { certFile: nullable(Type.String({ minLength: 1 })), keyFile: nullable(Type.String({ minLength: 1 })) },
      strict,
    ),
    password: Type.Object(
      {
        iterations: Type.Integer({ minimum: 1, maximum: 64 }),
        memoryKiB: Type.Integer({ minimum: 8, maximum: 4 * 1024 * 1024 }),
        parallelism: Type.Integer({ minimum: 1, maximum: 16 }),
      },
      strict,
    ),
    limits: Type.Object(
      {
        maxFrameBytes: Bytes,
        maxRecipients: Type.Integer({ minimum: 1, maximum: 65535 }),
        maxControlBytes: Bytes,
        connectionsPerServer: Count,
        sendWindow: Count,
        sendWindowBytes: Bytes,
        unsettledBytes: Bytes,
        framesPerSecond: Count,
        socketBufferBytes: Bytes,
        linkWindowBytes: Bytes,
        catchUpWindow: Count,
        heldPerMailbox: Count,
        heldBytesPerMailbox: Bytes,
        pendingPerAccount: Count,
        idleMailboxes: Count,
        groupsInMemory: Count,
        writeBatchRows: Type.Integer({ minimum: 1, maximum: 4096 }),
        writeBatchBytes: Bytes,
        archiveFrameBytes: Bytes,
        archiveEntriesPerArchive: Count,
        fileBytes: Bytes,
        fileMiBPerDayPerAccount: Count,
        fileStoreMiB: Count,
        fileDays: Type.Integer({ minimum: 1, maximum: 3650 }),
        httpBodyBytes: Bytes,
        placementsPerSecond: Count,
        movesPerSecond: Count,
        requestsPerMinutePerAddress: Count,
        loginsPerMinutePerAddress: Count,
        loginsPerMinutePerAccount: Count,
        loginsPerMinutePerAccountAndAddress: Count,
        registrationsPerMinutePerAddress: Count,
        vouchersPerDayPerAccount: Count,
        pendingLogins: Count,
        invites: Count,
        sessionsPerAccount: Count,
      },
      strict,
    ),
    timeouts: Type.Object(
      {
        helloMs: Ms,
        idleMs: Ms,
        ackMs: Ms,
        ticketMs: Ms,
        moveMs: Ms,
        movePauseMs: Ms,
        warmUpMs: Ms,
        voucherMs: Ms,
        loginMs: Ms,
        prepareMs: Ms,
        drainMs: Ms,
        heartbeatMs: Ms,
        hungMs: Ms,
        statementMs: Ms,
        stopMs: Ms,
        startMs: Ms,
        databaseMs: Ms,
        restartMinMs: Ms,
        restartMaxMs: Ms,
        reportMs: Ms,
        sweepMs: Ms,
        checkpointMs: Ms,
        idleTransactionMs: Ms,
      },
      strict,
    ),
  },
  strict,
);

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;
export type Config = DeepReadonly<Static<typeof ConfigSchema>>;
export type Limits = Config["limits"];
export type Timeouts = Config["timeouts"];
