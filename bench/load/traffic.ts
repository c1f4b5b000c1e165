/**
 * What simulated people see of their servers' load: who is connected where, and what they send and are sent. It is all that can
 * be told of a system that was joined, and leaves out whoever else is there.
 */
import { Compile } from "#typebox/compile";
import type { HttpClient, Transport } from "../../src/client/core/ports.js";
import { frameKind, Kind } from "../../src/protocol/hot.js";
import { PATHS, Placement } from "../../src/protocol/http.js";

/** Of one server. */
export interface SeenLoad {
  /** Connections at this moment. */
  readonly connections: number;
  /** Since the beginning, as the server counts them, too: messages from its clients, and deliveries to them. */
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

type Counted = { -readonly [Key in keyof SeenLoad]: number };

const NOTHING: SeenLoad = { connections: 0, messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };
const placements = Compile(Placement);

export class Traffic {
  /** By address: only chat servers are ever placed on. */
  readonly #ids = new Map<string, string>();
  readonly #seen = new Map<string, Counted>();

  /** By server. */
  get seen(): Readonly<Record<string, SeenLoad>> {
    return Object.fromEntries(this.#seen);
  }

  /** Learns from the balancer's answers which server listens where. */
  learning(http: HttpClient): HttpClient {
    return {
      request: async (method, path, body, token) => {
        const answer = await http.request(method, path, body, token);
        if (path === PATHS.place && placements.Check(answer)) {
          const { id, host, port } = answer.server;
          this.#ids.set(`${host}:${port}`, id);
        }
        return answer;
      },
    };
  }

  counting(transport: Transport): Transport {
    return {
      connect: async (endpoint, handlers) => {
        const id = this.#ids.get(`${endpoint.host}:${endpoint.port}`);
        if (id === undefined) return transport.connect(endpoint, handlers);
        const seen = this.#of(id);
        const channel = await transport.connect(endpoint, {
          onFrame(content) {
            if (frameKind(content) === Kind.deliver) {
              seen.messagesOut++;
              seen.bytesOut += content.length;
            }
            handlers.onFrame(content);
          },
          onDrain: () => handlers.onDrain(),
          onClose(error) {
            seen.connections--;
            handlers.onClose(error);
          },
        });
        seen.connections++;
        const send = channel.send.bind(channel);
        channel.send = (content) => {
          if (frameKind(content) === Kind.send) {
            seen.messagesIn++;
            seen.bytesIn += content.length;
          }
          return send(content);
        };
        return channel;
      },
    };
  }

  #of(id: string): Counted {
    const seen = this.#seen.get(id) ?? { ...NOTHING };
    this.#seen.set(id, seen);
    return seen;
  }
}

/** What several threads of people have seen, together. */
export function togetherSeen(
  all: readonly Readonly<Record<string, SeenLoad>>[],
): Readonly<Record<string, SeenLoad>> {
  const together: Record<string, Counted> = {};
  for (const one of all) {
    for (const [server, seen] of Object.entries(one)) {
      const sum = (together[server] ??= { ...NOTHING });
      for (const key of Object.keys(NOTHING) as (keyof SeenLoad)[]) sum[key] += seen[key];
    }
  }
  return together;
}
