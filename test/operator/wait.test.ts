/** How a command waits for what it has begun. */
import t from "tap";
import { Interrupted } from "../../src/client/cli/failure.js";
import { FastChatError } from "../../src/protocol/errors.js";
import type { OperatorStatus } from "../../src/protocol/operator.js";
import type { OperatorContext } from "../../src/operator/command.js";
import type { Operator } from "../../src/operator/connection.js";
import { waitUntilDone } from "../../src/operator/wait.js";
import { collected } from "../client/cli/collected.js";
import { statusOf } from "./statuses.js";

const QUICK = { askMs: 1, silentMs: 0, awayMs: 60_000 };
const away = new FastChatError("unreachable", "Nobody answers.");

/** A command that is told these, one after the other, the last for good. */
function command(...answers: readonly (OperatorStatus | Error)[]) {
  const { output, stderr } = collected();
  const controller = new AbortController();
  const left = [...answers];
  let asked = 0;
  const ask = async (): Promise<unknown> => {
    asked++;
    const answer = left.length > 1 ? left.shift() : left[0];
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const operator = { ask, close: () => undefined } as unknown as Operator;
  const context: OperatorContext = {
    operator: () => Promise.resolve(operator),
    output,
    interrupts: { signal: controller.signal, interrupt: () => undefined, release: () => undefined },
  };
  return { context, controller, notes: stderr, asked: () => asked };
}

/** What is left, by those who are connected. */
const people = ({ servers }: OperatorStatus): string | null => {
  const connected = servers.reduce((sum, { connections }) => sum + connections, 0);
  return connected === 0 ? null : `${connected} left`;
};

t.test("it asks until it is done, and says what is left when that changes", async (t) => {
  const some = statusOf(["draining", 3]);
  const { context, notes, asked } = command(some, some, statusOf(["draining", 1]), statusOf(["draining", 0]));
  t.same(await waitUntilDone(context, people, QUICK), statusOf(["draining", 0]));
  t.equal(asked(), 5);
  t.equal(notes(), "fastchat: 3 left\nfastchat: 1 left\n");
});

t.test("what is done soon needs no word", async (t) => {
  const { context, notes } = command(statusOf(["draining", 3]), statusOf(["draining", 0]));
  await waitUntilDone(context, people, { ...QUICK, silentMs: 60_000 });
  t.equal(notes(), "");
});

t.test("a balancer that has just started, and knows nobody yet, is not believed at once", async (t) => {
  const none = statusOf(["draining", 0]);
  const { context, asked } = command(none, statusOf(["draining", 3]), none);
  await waitUntilDone(context, people, QUICK);
  t.equal(asked(), 4);
});

t.test("a balancer that does not even know itself yet has not answered", async (t) => {
  const unknowing = { ...statusOf(), parts: [] };
  const { context, asked } = command(unknowing, unknowing, statusOf(["draining", 0]));
  const told: OperatorStatus[] = [];
  await waitUntilDone(
    context,
    (status) => {
      told.push(status);
      return null;
    },
    QUICK,
  );
  t.equal(asked(), 4);
  t.notOk(told.includes(unknowing));
});

t.test("a balancer that is away for a while is asked again; for good, it is told", async (t) => {
  const { context, notes } = command(away, statusOf(["draining", 0]));
  await waitUntilDone(context, people, QUICK);
  t.equal(notes(), "fastchat: the balancer does not answer; trying again\n");
  await t.rejects(waitUntilDone(command(away).context, people, { ...QUICK, awayMs: 0 }), away);
});

t.test("what will not pass ends the waiting at once", async (t) => {
  const refused = new FastChatError("notOperator", "This is for operators of the service.");
  await t.rejects(waitUntilDone(command(refused).context, people, QUICK), refused);
  const conflict = new FastChatError("conflict", "Somebody else wants otherwise.");
  const { context } = command(statusOf(["serving", 1]));
  await t.rejects(
    waitUntilDone(
      context,
      () => {
        throw conflict;
      },
      QUICK,
    ),
    conflict,
  );
});

t.test("Ctrl-C ends the waiting, not what goes on", async (t) => {
  const { context, controller, notes } = command(statusOf(["draining", 3]));
  const waiting = waitUntilDone(context, people, { ...QUICK, askMs: 60_000 });
  controller.abort(new Interrupted(130));
  await t.rejects(waiting, new Interrupted(130));
  t.match(notes(), /it goes on without being watched/);
});
