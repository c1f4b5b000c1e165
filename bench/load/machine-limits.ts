/** What the machine lets one process have: looked at before a run, not found out in the middle of it. */
import { readFile } from "node:fs/promises";
import { FastChatError } from "../../src/protocol/errors.js";

/** Sockets of one client: to the balancer, to a chat server, to the archive. */
const SOCKETS = 3;
/** Files and sockets of a process besides. */
const BESIDES = 200;

/**
 * @throws FastChatError `badConfig` that says how to raise what is too low
 */
export async function checkMachine(clients: number): Promise<void> {
  const needed = clients * SOCKETS + BESIDES;
  const files = await openFiles();
  if (files !== null && files < needed) {
    throw new FastChatError(
      "badConfig",
      `${clients} clients need ${needed} open files, and this process may have ${files}. ` +
        `Raise that in this shell first: ulimit -n ${needed} (or as root, for a user: the "nofile" lines of /etc/security/limits.conf).`,
    );
  }
  const ports = await localPorts();
  if (ports !== null && ports < needed) {
    throw new FastChatError(
      "badConfig",
      `${clients} clients need ${needed} local ports, and this machine gives out ${ports}. ` +
        `Give it more: sudo sysctl -w net.ipv4.ip_local_port_range="1024 65535".`,
    );
  }
}

/** @returns `null` where the system does not tell */
async function openFiles(): Promise<number | null> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => null);
  // Node raises the soft limit to the hard one when it starts.
  const hard = limits === null ? undefined : /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  if (hard === undefined) return null;
  return hard === "unlimited" ? Infinity : Number(hard);
}

/** @returns `null` where the system does not tell */
async function localPorts(): Promise<number | null> {
  const range = await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8").catch(() => null);
  const [low, high] = (range ?? "").trim().split(/\s+/).map(Number);
  return low === undefined || high === undefined || Number.isNaN(high - low) ? null : high - low + 1;
}
