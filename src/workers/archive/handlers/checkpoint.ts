import type { Caller, HandlerContext, ReplyOf, RequestOf } from "./context.js";

/** Reads the checkpoint, or replaces it. */
export async function checkpoint(
  { store, ask }: HandlerContext,
  { archive }: Caller,
  { ref, replace }: RequestOf<"checkpoint">,
): Promise<ReplyOf<"checkpointState">> {
  const { version, sealed, written } = await ask(async () =>
    replace === undefined
      ? { ...(await store.checkpoint(archive)), written: false }
      : store.setCheckpoint(archive, replace),
  );
  return { type: "checkpointState", ref, version, ...(sealed === null ? {} : { sealed }), written };
}
