/** Accounts and invites as tables for people. */
import type { ChalkInstance } from "chalk";
import type { InviteStatus, UserStatus } from "../protocol/operator.js";
import { alignColumns } from "./columns.js";

const USER_HEAD = ["name", "since", "devices", "last seen", ""] as const;

export function drawUsers(users: readonly UserStatus[], paint: ChalkInstance): string {
  const rows = users.map(({ name, since, devices, lastSeen, suspended }) => [
    name,
    since ?? "earlier",
    String(devices),
    lastSeen ?? "-",
    suspended ? "suspended" : "",
  ]);
  return alignColumns([...USER_HEAD], rows, paint);
}

/** @param now milliseconds since 1970 */
export function drawInvites(invites: readonly InviteStatus[], now: number, paint: ChalkInstance): string {
  const rows = invites.map(({ id, uses, usesLeft, madeAt, expiresAt }) => [
    String(id),
    `${usesLeft} of ${uses}`,
    new Date(madeAt).toISOString().slice(0, 10),
    remaining(expiresAt - now),
  ]);
  return alignColumns(["id", "uses left", "made", "good for"], rows, paint);
}

const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;

function remaining(ms: number): string {
  const hours = Math.max(0, Math.floor(ms / HOUR_MS));
  if (hours < 1) return "less than an hour";
  if (hours < 2 * DAY_HOURS) return hours === 1 ? "1 hour" : `${hours} hours`;
  return `${Math.floor(hours / DAY_HOURS)} days`;
}
