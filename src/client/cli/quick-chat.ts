/** What people are told where QuickChat hides something from them. */
import type { Output } from "./output.js";

export function noteQuickChat(output: Pick<Output, "note">): void {
  output.note("QuickChat: what was before this login is not shown; fastchat restore shows it.");
}
