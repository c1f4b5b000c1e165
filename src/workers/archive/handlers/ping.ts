import type { ReplyOf, RequestOf } from "./context.js";

export function ping({ ref }: RequestOf<"ping">): ReplyOf<"pong"> {
  return { type: "pong", ref };
}
