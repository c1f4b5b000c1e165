/** How groups look: lines for a person, an object for a program. */
import type { ChalkInstance } from "chalk";
import { namesOf } from "../core/group-names.js";
import type { GroupNotice, GroupSummary } from "../core/messages.js";
import { shownGroup } from "../core/peers.js";
import { changeLine, isoTime } from "./format.js";
import type { Output } from "./output.js";
import { printableJson, printableLine } from "./printable.js";

export function groupLines(groups: readonly GroupSummary[], paint: ChalkInstance): string[] {
  const titles = groups.map(({ id, title }) => printableLine(shownGroup(id, title)));
  const widest = Math.max(0, ...titles.map((title) => title.length));
  return groups.map(({ members, isMember, isAdmin }, index) => {
    const mark = !isMember ? " (left)" : isAdmin ? " (you are admin)" : "";
    return `${paint.cyan((titles[index] ?? "").padEnd(widest))}  ${printableLine(namesOf(members))}${paint.dim(mark)}`;
  });
}

export function groupDetails({ id, title, members, isMember }: GroupSummary, paint: ChalkInstance): string[] {
  return [
    `${paint.cyan(printableLine(shownGroup(id, title)))}${isMember ? "" : paint.dim(" (you are not in it any more)")}`,
    `id ${id}`,
    ...members.map(({ name, admin }) => `  ${printableLine(name)}${admin ? " (admin)" : ""}`),
  ];
}

export function groupJson({ id, title, members, epoch, isMember, isAdmin }: GroupSummary): string {
  return printableJson({ id, title, members, changes: epoch, member: isMember, admin: isAdmin });
}

export function noticeLine({ group, text, at }: GroupNotice, paint: ChalkInstance): string {
  return changeLine(at, shownGroup(group.id, group.title), text, paint);
}

export function noticeJson({ group, change, by, members, text, at }: GroupNotice): string {
  return printableJson({ change, group, by, members, text, at: isoTime(at) });
}

/** Prints changes of groups where messages are printed. */
export function noticePrinter(output: Output): (notice: GroupNotice) => Promise<void> {
  return (notice) => output.line(output.json ? noticeJson(notice) : noticeLine(notice, output.paint));
}
