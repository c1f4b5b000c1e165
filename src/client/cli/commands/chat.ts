/** `fastchat chat NAME` */
import type { CommandModule } from "yargs";
import { FastChatError, type ErrorCode } from "../../../protocol/errors.js";
import type { Client } from "../../core/client.js";
import type { HistoryEntry, Listening } from "../../core/messages.js";
import { ConnectionNotes } from "../connection-notes.js";
import { Interrupted, reportFailure } from "../failure.js";
import { Feed } from "../feed.js";
import { historyLine, receivedJson, receivedLine, sentElsewhereLine, sentJson } from "../format.js";
import { noticePrinter } from "../format-groups.js";
import { InputLine } from "../input-line.js";
import { unlessAborted } from "../interrupt.js";
import { requirePeer } from "../name.js";
import { printableLine } from "../printable.js";
import { sayIfSlow } from "../progress.js";
import { runCommand, withClient, type CommandContext, type GlobalOptions } from "../session.js";

interface ChatOptions extends GlobalOptions {
  readonly name: string;
}

/** How much of the conversation a terminal shows at the beginning. */
const SHOWN_BEFORE = 10;
/** Lines that wait to be accepted at the same time; what is piped in faster waits in its pipe. */
const MOST_UNDER_WAY = 64;

/** There is nobody to talk to. */
const NOBODY: ReadonlySet<ErrorCode> = new Set(["noSuchAccount", "noSuchGroup"]);

/** Of a device that leaves what comes with the service. */
const NOT_LISTENING: Listening = {
  stop: () => Promise.resolve(),
  done: new Promise(() => undefined),
};

export const chatCommand: CommandModule<GlobalOptions, ChatOptions> = {
  command: "chat <name>",
  describe: "Talk: every line you type is sent, what comes is printed, until Ctrl-D or Ctrl-C",
  builder: (yargs) =>
    yargs
      .positional("name", {
        type: "string",
        demandOption: true,
        describe: "Whom to talk to: a name, or '#TITLE' for a group",
      })
      .example("$0 chat bob", "a conversation at the terminal")
      .example("printf 'one\\ntwo\\n' | $0 chat bob", "two messages; ends once both are accepted")
      .epilogue(
        "Messages of others than NAME are printed too, with their sender's name. Empty lines are not sent.\n" +
          "Ctrl-D waits until everything typed is accepted; Ctrl-C does not: the rest goes out with your next command.\n" +
          "A line that was begun and not sent is there again the next time, on any of your devices.",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const name = requirePeer(argv.name);
      await withClient(context, (client) => chat(context, client, name));
    }),
};

async function chat(context: CommandContext, client: Client, name: string): Promise<void> {
  const { output, interrupts, env } = context;
  const { stdin, stdout } = process;
  const terminal = stdin.isTTY && stdout.isTTY && env["TERM"] !== "dumb" && !output.json;
  const draft = terminal ? await showBefore(context, client, name) : "";
  if (terminal) output.note(`talking to ${name}; Ctrl-D ends.`);
  const input = new InputLine({
    input: stdin,
    output: stdout,
    prompt: `${client.me.name}> `,
    terminal,
    onInterrupt: () => interrupts.interrupt(),
  });
  output.around(
    () => input.hide(),
    () => input.show(),
  );
  const notes = new ConnectionNotes(output);
  const feed = new Feed((message) => {
    return output.line(output.json ? receivedJson(message) : receivedLine(message, output.paint));
  });
  if (client.leavesPending) output.note("what waits stays with the service; fastchat pending takes it.");
  const listening = client.leavesPending
    ? NOT_LISTENING
    : await client.listen({
        onMessage: (message) => feed.onMessage(message),
        onSent: output.json ? undefined : (message) => output.line(sentElsewhereLine(message, output.paint)),
        onGroup: noticePrinter(output),
        onStatus: (status) => notes.onStatus(status),
        marksRead: true,
        watchesArchive: true,
      });
  try {
    input.prompt();
    input.begin(draft);
    const typed = sendLines(context, client, name, input);
    const ended = Promise.race([typed, feed.ended, listening.done.then(() => typed)]);
    await unlessAborted(ended, interrupts.signal);
  } catch (error) {
    // Ctrl-C is the usual way out of a conversation.
    if (!(error instanceof Interrupted)) throw error;
  } finally {
    output.around(
      () => undefined,
      () => undefined,
    );
    const left = input.begun;
    input.close();
    if (terminal) await keepDraft(context, client, name, draft, left);
    const stopped = listening.stop();
    feed.release();
    await stopped;
  }
}

/**
 * The end of the conversation so far, where it can be had: to talk without it is better than not to talk.
 *
 * @returns what was begun, on whichever device, and not sent
 * @throws FastChatError `noSuchAccount`, `noSuchGroup`
 */
async function showBefore(
  { output, interrupts }: CommandContext,
  client: Client,
  name: string,
): Promise<string> {
  let [before, draft]: [HistoryEntry[], string] = [[], ""];
  try {
    before = await unlessAborted(client.history({ with: name, limit: SHOWN_BEFORE }), interrupts.signal);
    draft = await unlessAborted(client.draft(name), interrupts.signal);
  } catch (error) {
    if (!(error instanceof FastChatError) || NOBODY.has(error.code)) throw error;
    output.note(`what was said before cannot be shown: ${printableLine(error.message)}`);
  }
  for (const entry of before) await output.line(historyLine(entry, false, output.paint));
  return draft;
}

/** What was typed and not sent is there again when the conversation is opened next, on any device. */
async function keepDraft(
  { output }: CommandContext,
  client: Client,
  name: string,
  draft: string,
  left: string,
): Promise<void> {
  if (left === draft) return;
  try {
    await sayIfSlow(output, "keeping what you began to type…", client.changeChat(name, { draft: left }));
    if (left !== "") output.note("what you began to type is kept for the next time.");
  } catch (error) {
    if (!(error instanceof FastChatError)) throw error;
    output.note(`what you began to type is not kept: ${printableLine(error.message)}`);
  }
}

/** Sends line by line, in order; a message that is refused is told, and the conversation goes on. */
async function sendLines(
  context: CommandContext,
  client: Client,
  name: string,
  input: InputLine,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  for (let line = await input.next(); line !== null; line = await input.next()) {
    if (line.trim() === "") continue;
    // The client numbers messages in the order of these calls; nobody waits for one before the next is on its way.
    const sending = sendLine(context, client, name, line).finally(() => underWay.delete(sending));
    underWay.add(sending);
    if (underWay.size >= MOST_UNDER_WAY) await Promise.race(underWay);
  }
  await Promise.all(underWay);
}

/** Never rejects. */
async function sendLine(
  { output, interrupts, env }: CommandContext,
  client: Client,
  name: string,
  line: string,
): Promise<void> {
  try {
    const sent = await client.send(name, line);
    if (output.json) await output.line(sentJson(sent));
  } catch (error) {
    if (interrupts.signal.aborted) return;
    process.exitCode = reportFailure(error, output, Boolean(env["FASTCHAT_DEBUG"]));
  }
}
