/** What the machine lets one process have: looked at before a run, not found out in the middle of it. */
import { readFile } from "node:fs/promises";
import { FastChatError } from "../../src/protocol/errors.js";

/** Sockets of one client: to the balancer, to a chat server, to the archive. */
const SOCKETS = 3;
/** Files and sockets of a process besides. */
const BESIDES = 200;

export interface MachineLimits {
  /** Files and sockets that one process may have open; `null` where the system does not tell. */
  readonly openFiles: number | null;
  /** Ports that the machine gives out to connections; likewise. */
  readonly localPorts: number | null;
}

/** @throws FastChatError `badConfig` that says how to raise what is too low */
export async function checkMachine(clients: number): Promise<void> {
  checkLimits(clients, { openFiles: await openFiles(), localPorts: await localPorts() });
}

/** As {@link checkMachine}, for limits that are known. */
export function checkLimits(clients: number, { openFiles, localPorts }: MachineLimits): void {
  const needed = clients * SOCKETS + BESIDES;
  if (openFiles !== null && openFiles < needed) {
    throw new FastChatError(
      "badConfig",
      `${clients} clients need ${needed} open files, and this process may have ${openFiles}. ` +
        `Raise that in this shell first: ulimit -n ${needed} (or as root, for a user: the "nofile" lines of /etc/security/limits.conf).`,
    );
  }
  if (localPorts !== null && localPorts < needed) {
    throw new FastChatError(
      "badConfig",
      `${clients} clients need ${needed} local ports, and this machine gives out ${localPorts}. ` +
        `Give it more: sudo sysctl -w net.ipv4.ip_local_port_range="1024 65535".`,
    );
  }
}

async function openFiles(): Promise<number | null> {
  return hardLimitOfFiles(await readFile("/proc/self/limits", "utf8").catch(() => ""));
}

async function localPorts(): Promise<number | null> {
  return portsInRange(await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8").catch(() => ""));
}

/** @param limits as proc(5) has them. Node raises the soft limit to the hard one when it starts */
export function hardLimitOfFiles(limits: string): number | null {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  if (hard === undefined) return null;
  return hard === "unlimited" ? Infinity : Number(hard);
}

/** @param range as Linux has it: first and last */
export function portsInRange(range: string): number | null {
  const [, low, high] = /^(\d+)\s+(\d+)/.exec(range) ?? [];
  return low === undefined || high === undefined ? null : Number(high) - Number(low) + 1;
}
