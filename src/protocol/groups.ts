/** Control messages about groups between a client and a chat server (PROTOCOL.md, "Groups"). */
import Type from "#typebox";
import { Binary, ConversationIdSchema, Ref } from "./schema.js";

/** The most members of a group. */
export const MAX_GROUP_MEMBERS = 1_000;
/** The longest event: all members in the first one, and what stands beside them. */
export const MAX_GROUP_EVENT_BYTES = MAX_GROUP_MEMBERS * 16 + 1_024;
/** The most groups that may be asked for at once. */
export const MAX_GROUPS_ASKED = 50;

/** Number of an event; 0 for before the first one. */
const Epoch = Type.Integer({ minimum: 0, maximum: 0xffffffff });

/** Asks for the events of a group behind the one of number `after`. Answered with `groupEvents` or `refused`. */
export const GroupLog = Type.Object({
  type: Type.Literal("groupLog"),
  ref: Ref,
  group: ConversationIdSchema,
  after: Epoch,
});
/** Adds an event to a group's log; `group` is null for one that makes a group. Answered with `groupAppended` or `refused`. */
export const GroupAppend = Type.Object({
  type: Type.Literal("groupAppend"),
  ref: Ref,
  group: Type.Union([ConversationIdSchema, Type.Null()]),
  event: Binary(1, MAX_GROUP_EVENT_BYTES),
});
/** Asks how far groups have come. Answered with `groupEpochs` or `refused`. */
export const GroupHeads = Type.Object({
  type: Type.Literal("groupHeads"),
  ref: Ref,
  groups: Type.Array(ConversationIdSchema, { minItems: 1, maxItems: MAX_GROUPS_ASKED }),
});

/** Reply to `groupLog`: consecutive events, and whether there are further ones that this account may read. */
export const GroupEvents = Type.Object({
  type: Type.Literal("groupEvents"),
  ref: Ref,
  events: Type.Array(Binary(1, MAX_GROUP_EVENT_BYTES)),
  more: Type.Boolean(),
});
/** Reply to `groupAppend`: the event holds, and every server knows. */
export const GroupAppended = Type.Object({ type: Type.Literal("groupAppended"), ref: Ref });
/**
 * Reply to `groupHeads`: for each the number of the newest event that this account may read; 0 for none. They may grow at any
 * moment.
 */
export const GroupEpochs = Type.Object({
  type: Type.Literal("groupEpochs"),
  ref: Ref,
  epochs: Type.Array(Epoch, { maxItems: MAX_GROUPS_ASKED }),
});
/** Push: a group of this account's has come to an epoch. A hint: it may be left out, and come for nothing. */
export const GroupChanged = Type.Object({
  type: Type.Literal("groupChanged"),
  group: ConversationIdSchema,
  epoch: Epoch,
});
