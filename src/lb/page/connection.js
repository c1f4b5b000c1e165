/**
 * The way to the balancer: the operator token, and one question a second. Says where it stands.
 *
 * @typedef {import("../../protocol/operator.js").OperatorStatus} OperatorStatus
 * @typedef {import("../../protocol/operator.js").RecentLoad} RecentLoad
 * @typedef {{ status: OperatorStatus, load: RecentLoad }} News
 * @typedef {{
 *   since: () => number | null,
 *   onNews: (news: News) => void,
 *   onLost: (pauseMs: number) => void,
 *   onRefused: (reason: string) => void,
 * }} Handlers
 */

const KEPT_AS = "fastchat-operator-token";
const EVERY_MS = 1000;
const PATIENCE_MS = 8000;
/** The longest pause between two tries, in milliseconds. */
const LONGEST_MS = 8000;

/** The token of the link's fragment, which no server sees and which is gone from the address bar then; else the one of this tab. */
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given !== null) {
    history.replaceState(null, "", location.pathname);
    sessionStorage.setItem(KEPT_AS, given);
  }
  return sessionStorage.getItem(KEPT_AS);
}

export function forgetToken() {
  sessionStorage.removeItem(KEPT_AS);
}

/**
 * Asks on and on, until the token is refused or nobody wants to know any more.
 *
 * @param {string} token
 * @param {Handlers} handlers
 * @returns {() => void} ends it
 */
export function follow(token, handlers) {
  const end = new AbortController();
  void askOn(token, handlers, end.signal);
  return () => end.abort();
}

/**
 * @param {string} token
 * @param {Handlers} handlers
 * @param {AbortSignal} ended
 */
async function askOn(token, handlers, ended) {
  let failures = 0;
  while (!ended.aborted) {
    let pauseMs = EVERY_MS;
    try {
      const since = handlers.since();
      const [status, load] = /** @type {[OperatorStatus, RecentLoad]} */ (
        await Promise.all([
          ask("/v1/operator/status", token, ended),
          ask(`/v1/operator/load${since === null ? "" : `?since=${since}`}`, token, ended),
        ])
      );
      if (ended.aborted) return;
      failures = 0;
      sessionStorage.setItem(KEPT_AS, token);
      handlers.onNews({ status, load });
    } catch (error) {
      if (ended.aborted) return;
      if (error instanceof Refusal) return handlers.onRefused(error.message);
      pauseMs = Math.min(LONGEST_MS, EVERY_MS * 2 ** failures++);
      handlers.onLost(pauseMs);
    }
    await pause(pauseMs, ended);
  }
}

class Refusal extends Error {}

/**
 * @param {string} path
 * @param {string} token
 * @param {AbortSignal} ended
 * @returns {Promise<unknown>} of this service itself, and so of the form that its types say
 */
async function ask(path, token, ended) {
  const answer = await fetch(path, {
    headers: { authorization: `Bearer ${token}` },
    cache: "no-store",
    credentials: "omit",
    signal: AbortSignal.any([ended, AbortSignal.timeout(PATIENCE_MS)]),
  });
  if (answer.status === 401) {
    throw new Refusal(
      "This is not the token of this service. It may have been made anew: see the data folder.",
    );
  }
  if (!answer.ok) throw new Error(`the balancer answered ${answer.status}`);
  return answer.json();
}

/**
 * @param {number} ms
 * @param {AbortSignal} ended
 * @returns {Promise<void>}
 */
function pause(ms, ended) {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      ended.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    ended.addEventListener("abort", over);
  });
}
