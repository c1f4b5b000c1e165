/**
 * Shares the engine's one session among connections: one batch at a time, in turns, and a transaction whole.
 *
 * What belongs to a session and outlives a transaction is shared by all connections, so these must not be used: LISTEN
 * (a notification reaches whoever runs next), session advisory locks (everybody holds them; pg_advisory_xact_lock is
 * fine), TEMP tables, SET without LOCAL, SQL's PREPARE and DEALLOCATE ALL, DISCARD, and cursors WITH HOLD. Since only
 * one transaction exists at a time there is nothing to wait for: no locks, no deadlocks, no serialization failures.
 */
import type { Clock, Timer } from "../../protocol/runtime.js";
import { fatal, type AnswerSummary, type SqlError, type TransactionStatus } from "./backend.js";
import { ABANDON, withoutItsStatement, type Batch } from "./batch.js";
import { runOnce, type Outcome, type Session } from "./session.js";

/** A connection, as the scheduler sees it. */
export interface Client {
  /** Its last answers have not gone out yet, so it gets no turn; {@link Scheduler.uncongested} tells the end of it. */
  readonly congested: boolean;
  /** The answer to a batch: whole messages. */
  answer(bytes: Uint8Array, batch: Batch, summary: AnswerSummary): void;
  /** It was removed; it has to say this, if there is something to say, and close. */
  expel(error: SqlError | null): void;
}

export interface SchedulerOptions {
  readonly session: Session;
  readonly clock: Clock;
  /** Calls back once the event loop has looked at its sockets and ports: a heartbeat waits for one batch at most. */
  readonly soon: (callback: () => void) => void;
  /** How long a connection may keep the session without using it, in milliseconds. */
  readonly idleTransactionMs: number;
  /** The largest answer to one batch, in bytes. It is held in memory, since the engine cannot be made to wait. */
  readonly maxAnswerBytes: number;
  /** The engine cannot go on; nothing runs any more. */
  readonly onBroken: (error: unknown) => void;
}

interface Member {
  readonly client: Client;
  readonly queue: Batch[];
  /** It stands in the line. */
  waiting: boolean;
}

/** Something of the bridge's own, run while no connection holds the session. */
interface Task {
  readonly input: Uint8Array;
  readonly done: (answer: TaskAnswer) => void;
}

export interface TaskAnswer {
  /** Whole messages. */
  readonly bytes: Uint8Array;
  readonly error: SqlError | null;
}

/** Who has the session. */
type Holder =
  | { readonly kind: "nobody" }
  /** In a transaction, or between Flush and Sync, which is `open`. */
  | { readonly kind: "member"; readonly member: Member; readonly open: boolean; readonly timer: Timer }
  /** Its connection is gone; what it left is to be rolled back. */
  | { readonly kind: "abandoned" };

const IDLE = fatal("25P03", "terminating connection due to idle-in-transaction timeout");
const STOPPING = fatal("57P01", "the embedded database is shutting down");
const BROKEN = fatal("57P02", "the embedded database has failed and is being restarted");
const NOT_RUN: TaskAnswer = { bytes: new Uint8Array(), error: BROKEN };

export class Scheduler {
  readonly #members = new Map<Client, Member>();
  /** Whoever has something to run, in the order of asking. */
  #line: (Member | Task)[] = [];
  #holder: Holder = { kind: "nobody" };
  /** Whose unnamed statement the session has; `null` where nobody may use it. */
  #unnamedOf: Client | null = null;
  #scheduled = false;
  #state: "running" | "draining" | "broken" = "running";
  #onDrained: () => void = () => undefined;

  constructor(private readonly options: SchedulerOptions) {}

  /** How many connections there are. */
  get clients(): number {
    return this.#members.size;
  }

  attach(client: Client): void {
    if (this.#state === "running") this.#members.set(client, { client, queue: [], waiting: false });
    else client.expel(STOPPING);
  }

  /** Queues a batch; one of a client that is not attached any more is dropped. */
  submit(client: Client, batch: Batch): void {
    const member = this.#members.get(client);
    if (member === undefined) return;
    if (this.#state === "draining" && !this.#holds(member)) return this.#expel(member, STOPPING);
    member.queue.push(batch);
    this.#enterLine(member);
  }

  /** The client's answers have gone out: it gets its turns again. */
  uncongested(client: Client): void {
    const member = this.#members.get(client);
    if (member !== undefined) this.#enterLine(member);
  }

  /** The connection ended: what it queued is dropped, its transaction rolled back. */
  detach(client: Client): void {
    const member = this.#members.get(client);
    if (member !== undefined) this.#remove(member);
  }

  /** Runs messages of the bridge's own between two transactions; they must end in Sync or be one Query. */
  runTask(input: Uint8Array): Promise<TaskAnswer> {
    return new Promise((done) => {
      if (this.#state === "broken") return done(NOT_RUN);
      this.#line.push({ input, done });
      this.#schedule();
    });
  }

  /**
   * Lets all that is queued run and the transaction end that is under way, for `graceMs` milliseconds at most; then
   * rolls back and closes all connections. Tasks can still be run.
   */
  async drain(graceMs: number): Promise<void> {
    if (this.#state !== "running") return;
    this.#state = "draining";
    const timer = this.options.clock.after(graceMs, () => this.#expelAll(STOPPING));
    await new Promise<void>((onDrained) => {
      this.#onDrained = onDrained;
      this.#schedule();
    });
    timer.cancel();
    this.#expelAll(STOPPING);
  }

  #enterLine(member: Member): void {
    if (!member.waiting && member.queue.length > 0) {
      member.waiting = true;
      this.#line.push(member);
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#state === "broken") return;
    this.#scheduled = true;
    this.options.soon(() => {
      this.#scheduled = false;
      if (this.#state !== "broken" && this.#step()) this.#schedule();
    });
  }

  /** Runs one thing; answers whether there was one. */
  #step(): boolean {
    const holder = this.#holder;
    switch (holder.kind) {
      case "abandoned":
        this.#runRollback();
        return true;
      case "member":
        if (!mayRun(holder.member)) return false;
        this.#runBatch(holder.member, holder);
        return true;
      case "nobody":
        return this.#stepLine();
    }
  }

  #stepLine(): boolean {
    for (let next = this.#line.shift(); next !== undefined; next = this.#line.shift()) {
      if ("input" in next) {
        this.#runOwn(next);
        return true;
      }
      next.waiting = false;
      if (mayRun(next)) {
        this.#runBatch(next, this.#holder);
        return true;
      }
    }
    this.#onDrained();
    return false;
  }

  #runBatch(member: Member, before: Holder): void {
    const { client } = member;
    const batch = member.queue.shift() as Batch;
    if (before.kind === "member") before.timer.cancel();
    const foreign = batch.usesEarlierUnnamed && this.#unnamedOf !== client;
    const outcome = this.#run(foreign ? withoutItsStatement(batch) : Buffer.concat(batch.parts));
    if (outcome.kind === "broken") {
      client.answer(outcome.bytes, batch, { status: null, error: BROKEN });
      return this.#break(outcome.error);
    }
    if (outcome.kind === "tooLarge") {
      this.#holder = { kind: "abandoned" };
      this.#unnamedOf = null;
      const most = this.options.maxAnswerBytes;
      return this.#expel(member, fatal("54000", `an answer can have ${most} bytes; ask for less at a time`));
    }
    const { status, error } = outcome.summary;
    const mayBeOpen =
      batch.end === "open" || (batch.end === "query" && before.kind === "member" && before.open);
    if (status === null && !mayBeOpen) {
      return this.#break(new Error("the engine ended a batch without saying that it is ready"));
    }
    if (error !== null) this.#unnamedOf = null;
    else if (batch.unnamed !== "kept") this.#unnamedOf = batch.unnamed === "prepared" ? client : null;
    this.#hold(member, status);
    client.answer(outcome.bytes, batch, outcome.summary);
    if (this.#members.has(client)) this.#enterLine(member);
  }

  #hold(member: Member, status: TransactionStatus | null): void {
    if (status === "I") {
      this.#holder = { kind: "nobody" };
      return;
    }
    const timer = this.options.clock.after(this.options.idleTransactionMs, () => this.#expel(member, IDLE));
    this.#holder = { kind: "member", member, open: status === null, timer };
  }

  #runOwn(task: Task): void {
    const outcome = this.#run(task.input);
    if (outcome.kind === "answer" && outcome.summary.status === "I") {
      return task.done({ bytes: outcome.bytes, error: outcome.summary.error });
    }
    task.done(NOT_RUN);
    this.#break(
      outcome.kind === "broken" ? outcome.error : new Error("a task of the bridge's own went wrong"),
    );
  }

  #runRollback(): void {
    const outcome = this.#run(ABANDON);
    if (outcome.kind !== "answer" || outcome.summary.status !== "I") {
      const error = new Error("what a connection left behind could not be rolled back");
      return this.#break(outcome.kind === "broken" ? outcome.error : error);
    }
    this.#holder = { kind: "nobody" };
    this.#unnamedOf = null;
  }

  #run(input: Uint8Array): Outcome {
    return runOnce(this.options.session, input, this.options.maxAnswerBytes);
  }

  #break(error: unknown): void {
    this.#state = "broken";
    for (const waiting of this.#line) {
      if ("input" in waiting) waiting.done(NOT_RUN);
    }
    this.#line = [];
    this.#expelAll(BROKEN);
    this.#onDrained();
    this.options.onBroken(error);
  }

  #expelAll(error: SqlError): void {
    for (const member of [...this.#members.values()]) {
      // To a client that asked for nothing an error would come as an answer to its next question, or after its goodbye.
      const concerned = member.queue.length > 0 || this.#holds(member);
      this.#expel(member, concerned ? error : null);
    }
  }

  #expel(member: Member, error: SqlError | null): void {
    this.#remove(member);
    member.client.expel(error);
  }

  #remove(member: Member): void {
    this.#members.delete(member.client);
    member.queue.length = 0;
    if (this.#holder.kind === "member" && this.#holder.member === member) {
      this.#holder.timer.cancel();
      this.#holder = { kind: "abandoned" };
    }
    this.#schedule();
  }

  #holds(member: Member): boolean {
    return this.#holder.kind === "member" && this.#holder.member === member;
  }
}

function mayRun(member: Member): boolean {
  return member.queue.length > 0 && !member.client.congested;
}
