/** Tells whoever listens when the connection is lost, and when it is back. */
import { printableLine } from "./printable.js";
import { isFinal } from "../core/connection.js";
import type { ConnectionStatus, GroupAlarm } from "../core/messages.js";
import { shownGroup } from "../core/peers.js";
import type { ErrorRecord } from "../../protocol/errors.js";
import { alarmText } from "./format-check.js";
import type { Output } from "./output.js";

const GROUP_ALARMS: Readonly<Record<GroupAlarm["kind"], string>> = {
  forked: "does not show everybody the same members",
  forged: "shows a change that no member has signed",
  hidden: "hides changes of the members",
};

export class ConnectionNotes {
  #lost: ErrorRecord | null = null;
  #archiveAway = false;
  /** Why the archive takes nothing although it is there. */
  #archiveRefusal: ErrorRecord | null = null;

  constructor(private readonly output: Pick<Output, "note" | "failure">) {}

  /** Why there is no connection at this moment; `null` while there is one, or none was tried yet. */
  get lost(): ErrorRecord | null {
    return this.#lost;
  }

  onStatus(status: ConnectionStatus): void {
    switch (status.kind) {
      case "offline":
        // Once for each outage, not for each try.
        if (this.#lost === null) this.output.note(`${printableLine(status.error.message)} Trying again…`);
        this.#lost = status.error;
        return;
      case "connected":
      case "live":
        if (this.#lost !== null) this.output.note("connected again.");
        this.#lost = null;
        return;
      case "archive":
        // Nobody is let in to it any more: that ends the command, which says so.
        if (status.error !== null && isFinal(status.error.code)) return;
        if (status.online) this.#archiveTakes(status.error);
        if (this.#archiveAway === status.online) {
          this.output.note(
            status.online
              ? "the archive is back."
              : "the archive is away; messages are shown, and stay with the service until it is back.",
          );
        }
        this.#archiveAway = !status.online;
        return;
      case "keyChanged":
        this.output.failure(
          `The service shows another identity key for ${printableLine(status.name)} than the one known here. ` +
            "Nothing is sent to that name. Compare safety numbers before you trust it: fastchat verify NAME.",
        );
        return;
      case "groupAltered": {
        const { group, title, kind } = status.alarm;
        this.output.failure(
          `The service ${GROUP_ALARMS[kind]} of ${printableLine(shownGroup(group, title))}. Do not trust it: ask the members ` +
            "in another way, and compare safety numbers: fastchat verify NAME.",
        );
        return;
      }
      case "archiveAltered":
        this.output.failure(`${alarmText(status.alarm)} fastchat check tells more.`);
        return;
      case "connecting":
      case "closed":
        return;
    }
  }
  #archiveTakes(refusal: ErrorRecord | null): void {
    const before = this.#archiveRefusal;
    this.#archiveRefusal = refusal;
    if (refusal?.code === before?.code) return;
    if (refusal === null) {
      this.output.note("the archive takes messages again.");
    } else if (refusal.code === "quotaExceeded") {
      this.output.note(
        "your archive is full. Messages are sent and shown, but no history is kept of them, and what came to you stays " +
          "with the service, until there is room: whoever runs the service can raise limits.archiveEntriesPerArchive.",
      );
    } else {
      this.output.note(`the archive takes nothing at the moment: ${printableLine(refusal.message)}`);
    }
  }
}
