/** `fastchat chats` */
import type { CommandModule } from "yargs";
import { FastChatError } from "../../../protocol/errors.js";
import type { Client } from "../../core/client.js";
import type { ChatChange, ChatSummary } from "../../core/messages.js";
import { chatJson, chatLines } from "../format-chats.js";
import { unlessAborted } from "../interrupt.js";
import { requirePeer } from "../name.js";
import { positiveNumber, wholeNumber } from "../numbers.js";
import { noteQuickChat } from "../quick-chat.js";
import { runCommand, withClient, type CommandContext, type GlobalOptions } from "../session.js";

const CHANGES = ["pin", "unpin", "mute", "unmute"] as const;
type Change = (typeof CHANGES)[number];

interface ChatsOptions extends GlobalOptions {
  readonly change: Change | undefined;
  readonly name: string | undefined;
  readonly limit: number;
  readonly unread: boolean;
  readonly hours: number | undefined;
}

/** The most that the core reads at a time. */
const PAGE = 100;
const HOUR_MS = 3_600_000;
/** Muted until it is unmuted. */
const FOR_EVER = 253_402_300_799_000;

export const chatsCommand: CommandModule<GlobalOptions, ChatsOptions> = {
  command: "chats [change] [name]",
  describe: "List your chats with what is unread, the newest first; or pin or mute one, on all your devices",
  builder: (yargs) =>
    yargs
      .positional("change", { choices: CHANGES, describe: "What to change about the chat with NAME" })
      .positional("name", { type: "string", describe: "The other person, or '#TITLE'" })
      .option("limit", {
        type: "number",
        default: 50,
        requiresArg: true,
        describe: "At most so many; 0 for all",
      })
      .option("unread", { type: "boolean", default: false, describe: "Only those with unread messages" })
      .option("hours", { type: "number", requiresArg: true, describe: "With mute: for so many hours" })
      .example("$0 chats", "whom you talk with")
      .example("$0 chats mute bob --hours 8", "not before tomorrow")
      .epilogue(
        "Pinned chats come first. With --json: with, unread (100: that many or more), pinned, mutedUntil, draft (typed " +
          "in fastchat chat and not sent) and newest (as history prints it, but for receipts; null if it is none that is shown).",
      ),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      if (argv.change === undefined) {
        const limit = wholeNumber("--limit", argv.limit, 0) || Infinity;
        await withClient(context, (client) => list(context, client, limit, argv.unread));
        return;
      }
      if (argv.name === undefined) {
        throw new FastChatError("badRequest", `Whose chat? As in: fastchat chats ${argv.change} bob`);
      }
      const [name, change] = [requirePeer(argv.name), changeOf(argv.change, argv.hours)];
      await withClient(context, (client) =>
        unlessAborted(client.changeChat(name, change), context.interrupts.signal),
      );
    }),
};

async function list(
  { output, interrupts }: CommandContext,
  client: Client,
  limit: number,
  unreadOnly: boolean,
): Promise<void> {
  if (client.skipsHistory) noteQuickChat(output);
  const chats = await unlessAborted(readChats(client, limit, unreadOnly), interrupts.signal);
  if (output.json) for (const chat of chats) await output.line(chatJson(chat));
  else for (const line of chatLines(chats, client.me.name, output.paint)) await output.line(line);
}

/** Pinned ones first, wherever they stand: so all are read. */
async function readChats(client: Client, limit: number, unreadOnly: boolean): Promise<ChatSummary[]> {
  const chats: ChatSummary[] = [];
  for (let before: number | null | undefined; before !== null;) {
    const page = await client.chats({ limit: PAGE, ...(before === undefined ? {} : { before }) });
    chats.push(...page.chats.filter(({ unread }) => !unreadOnly || unread > 0));
    before = page.next;
  }
  chats.sort((one, other) => Number(other.pinned) - Number(one.pinned));
  return chats.slice(0, limit);
}

function changeOf(change: Change, hours: number | undefined): ChatChange {
  if (hours !== undefined && change !== "mute") {
    throw new FastChatError("badRequest", "--hours goes with mute only.");
  }
  switch (change) {
    case "pin":
      return { pinned: true };
    case "unpin":
      return { pinned: false };
    case "mute":
      return {
        mutedUntil:
          hours === undefined
            ? FOR_EVER
            : Math.min(FOR_EVER, Date.now() + Math.round(positiveNumber("--hours", hours) * HOUR_MS)),
      };
    case "unmute":
      return { mutedUntil: 0 };
  }
}
