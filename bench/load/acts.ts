/** What is done to the system while people write: a server killed, drained, taken back, more or fewer of them, the load evened out. */
import { FastChatError } from "../../src/protocol/errors.js";
import { parseServerId, type ServerId } from "../../src/protocol/ids.js";

export type Act = {
  /** Seconds into the measured time. */
  readonly seconds: number;
} & (
  | { readonly do: "kill"; readonly server: ServerId }
  | { readonly do: "drain" | "resume"; readonly server: ServerId }
  | { readonly do: "scale"; readonly servers: number }
  | { readonly do: "rebalance" }
);

/** How each is written. */
export const ACT_FORMS =
  "SECONDS:kill SERVER, SECONDS:drain SERVER, SECONDS:resume SERVER, SECONDS:scale N, SECONDS:rebalance";

/** @throws FastChatError `badRequest` */
export function parseAct(text: string): Act {
  const [, time = "", verb = "", object = ""] =
    /^(\d+(?:\.\d+)?):([a-z]+)(?: +(\S+))?$/.exec(text.trim()) ?? [];
  const seconds = Number(time);
  switch (verb) {
    case "kill":
    case "drain":
    case "resume": {
      const server = parseServerId(object);
      if (server !== null) return { seconds, do: verb, server };
      break;
    }
    case "rebalance":
      if (object === "") return { seconds, do: verb };
      break;
    case "scale": {
      const servers = Number(object);
      if (Number.isInteger(servers) && servers >= 1 && servers <= 64) return { seconds, do: verb, servers };
      break;
    }
  }
  throw new FastChatError("badRequest", `--act takes ${ACT_FORMS}; "${text}" is none of these.`);
}

/** As people read it. */
export function actText(act: Act): string {
  switch (act.do) {
    case "scale":
      return `scale ${act.servers}`;
    case "rebalance":
      return act.do;
    default:
      return `${act.do} ${act.server}`;
  }
}
