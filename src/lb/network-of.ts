/** What counts as one address where requests are counted. */
import { isIPv6 } from "node:net";

/** Groups of an IPv6 address that name a network of one customer: 64 bits. */
const NETWORK_GROUPS = 4;
const GROUPS = 8;

/** An IPv4 address as it is; of an IPv6 address the /64, which one customer has whole. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [bare = ""] = address.split("%");
  const [head = "", tail] = bare.split("::");
  const front = groupsOf(head);
  const back = groupsOf(tail ?? "");
  const zeros = Array<string>(Math.max(0, GROUPS - front.length - back.length)).fill("0");
  const network = [...front, ...zeros, ...back].slice(0, NETWORK_GROUPS);
  return `${network.map((group) => parseInt(group, 16).toString(16)).join(":")}::/64`;
}

/** The last two of eight groups may stand as an IPv4 address. */
function groupsOf(part: string): string[] {
  return part.split(":").flatMap((group) => (group === "" ? [] : group.includes(".") ? ["0", "0"] : [group]));
}
