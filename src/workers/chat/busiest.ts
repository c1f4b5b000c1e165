/** Which sessions had the most messages: a list with a bound, whatever the number of sessions. */
import { MOST_BUSIEST, type SessionTraffic } from "../../protocol/threads.js";
import type { Session } from "./session.js";

type Counted = Pick<Session, "number" | "messages">;

/**
 * The busiest, in the order of their messages. Everybody's count begins anew.
 *
 * @param most how many are named at most
 */
export function takeBusiest(sessions: Iterable<Counted>, most = MOST_BUSIEST): SessionTraffic[] {
  const busiest: SessionTraffic[] = [];
  for (const session of sessions) {
    const { number, messages } = session;
    session.messages = 0;
    if (messages === 0) continue;
    // Most are less busy than the least of a full list, and need no place in it.
    if (busiest.length === most && messages <= (busiest[most - 1]?.messages ?? 0)) continue;
    let at = busiest.length;
    while (at > 0 && (busiest[at - 1]?.messages ?? 0) < messages) at--;
    busiest.splice(at, 0, { session: number, messages });
    if (busiest.length > most) busiest.pop();
  }
  return busiest;
}
