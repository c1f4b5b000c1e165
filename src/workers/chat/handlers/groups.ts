/** What clients ask and say of groups' logs. */
import type { ClientMessage, ServerMessage } from "../../../protocol/chat.js";
import { FastChatError, errorRecord } from "../../../protocol/errors.js";
import { StoreError } from "../../../store/database.js";
import type { OpenState, Session } from "../session.js";
import type { HandlerContext } from "./context.js";

type GroupRequest = Extract<ClientMessage, { type: "groupLog" | "groupAppend" | "groupHeads" }>;

/** How many requests of one session may be under way: each may read a log. */
const MOST_UNDER_WAY = 16;

/** Answers a request about groups; what it cannot do is said to the client, and ends nothing. */
export async function groupRequestOnSession(
  context: HandlerContext,
  session: Session,
  state: OpenState,
  request: GroupRequest,
): Promise<void> {
  if (session.asking >= MOST_UNDER_WAY) {
    throw new FastChatError("tooMany", `More than ${MOST_UNDER_WAY} requests about groups are under way.`);
  }
  session.asking++;
  let answer: ServerMessage;
  try {
    answer = await answerTo(context, state, request);
  } catch (error) {
    answer = { type: "refused", ref: request.ref, ...refusalOf(context, error) };
  }
  session.asking--;
  if (session.state.name === "open") context.reply(session, answer);
}

async function answerTo(
  { groups }: HandlerContext,
  { account }: OpenState,
  request: GroupRequest,
): Promise<ServerMessage> {
  const { ref } = request;
  switch (request.type) {
    case "groupLog":
      return { type: "groupEvents", ref, ...(await groups.events(account, request.group, request.after)) };
    case "groupAppend":
      await groups.append(request.group, account, request.event);
      return { type: "groupAppended", ref };
    case "groupHeads": {
      const epochs: number[] = [];
      for (const group of request.groups) epochs.push(await groups.epoch(account, group));
      return { type: "groupEpochs", ref, epochs };
    }
  }
}

function refusalOf(context: HandlerContext, error: unknown): { code: string; message: string } {
  if (error instanceof StoreError) {
    return { code: "unavailable", message: "The service's database is away for a moment; try again." };
  }
  if (!(error instanceof FastChatError)) context.failed(error);
  const { code, message } = errorRecord(error);
  return { code, message: message.slice(0, 500) };
}
