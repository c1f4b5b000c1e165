/**
 * What happened, the newest first.
 *
 * @typedef {import("../../protocol/operator.js").LoadEvent} LoadEvent
 */
import { html } from "./elements.js";
import { ago, clockTime } from "./format.js";

/** Shown at most. */
const MOST = 30;

/**
 * Adds what is new, so that what stands there is not read out again.
 *
 * @param {HTMLElement} list
 * @param {readonly LoadEvent[]} events oldest first
 * @param {number} now
 */
export function drawEvents(list, events, now) {
  const shown = new Map(
    [...list.children].map((item) => [Number(/** @type {HTMLElement} */ (item).dataset["at"]), item]),
  );
  const items = events
    .slice(-MOST)
    .reverse()
    .map((event) => {
      const item = shown.get(event.at) ?? itemOf(event);
      const told = item.querySelector("small");
      if (told !== null) told.textContent = ago(now - event.at);
      return item;
    });
  if (items.length !== list.children.length || items[0] !== list.children[0]) list.replaceChildren(...items);
}

/** @param {LoadEvent} event */
function itemOf({ at, kind, text }) {
  const time = html("time", { datetime: new Date(at).toISOString() }, clockTime(at), " ", html("small"));
  return html("li", { "data-at": at, "data-kind": kind }, html("span", { class: "what" }, text), time);
}
