/** What the balancer does itself: requests, logins, sign-ups, placements, moves. */
import type { ErrorCode } from "../../protocol/errors.js";
import { PATHS } from "../../protocol/http.js";
import type { ServerId } from "../../protocol/ids.js";
import type { MetricsRegistry } from "./registry.js";

/** A request that was answered. */
export interface Answered {
  readonly method: string;
  /** The route's pattern; `null` where there is none. */
  readonly route: string | null;
  readonly status: number;
  readonly ms: number;
  /** Why it failed, where it did. */
  readonly code: ErrorCode | null;
}

/** Upper bounds of the buckets, in seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** The label of what is no route: method and path of such a request may be anything. */
const NO_ROUTE = "none";
const SUCCESS = "success";

export class RequestMetrics {
  readonly #requests;
  readonly #durations;
  readonly #errors;
  readonly #logins;
  readonly #registrations;
  readonly #placements;
  readonly #moves;

  constructor(registry: MetricsRegistry) {
    this.#requests = registry.counter("http_requests_total", "Requests that were answered.", [
      "method",
      "route",
      "status",
    ]);
    this.#durations = registry.histogram(
      "http_request_duration_seconds",
      "Time from a request's head until its answer was written.",
      ["route"],
      BOUNDS,
    );
    this.#errors = registry.counter(
      "http_errors_total",
      "Requests that failed, by code of the error table; those that could not be read as HTTP included.",
      ["code"],
    );
    this.#logins = registry.counter(
      "logins_total",
      "Logins that came to an end, by outcome: success, or a code of the error table.",
      ["outcome"],
    );
    this.#registrations = registry.counter(
      "registrations_total",
      "Sign-ups that came to an end, by outcome: success, or a code of the error table.",
      ["outcome"],
    );
    this.#placements = registry.counter("placements_total", "Devices that were sent to a server.", [
      "server",
    ]);
    this.#moves = registry.counter(
      "moves_total",
      "Sessions that were asked to leave a server for another one.",
      ["server"],
    );
    this.#logins.inc({ outcome: SUCCESS }, 0);
    this.#registrations.inc({ outcome: SUCCESS }, 0);
  }

  answered({ method, route, status, ms, code }: Answered): void {
    if (route === null) this.#requests.inc({ method: NO_ROUTE, route: NO_ROUTE, status });
    else this.#requests.inc({ method, route, status });
    this.#durations.observe({ route: route ?? NO_ROUTE }, ms / 1000);
    this.#countSteps(route, code);
  }

  failed(code: ErrorCode): void {
    this.#errors.inc({ code });
  }

  placed(server: ServerId): void {
    this.#placements.inc({ server });
  }

  /** @param from the server that so many sessions are to leave */
  moved(from: ServerId, sessions: number): void {
    this.#moves.inc({ server: from }, sessions);
  }

  /** Of two steps the first one is an end only where it fails. */
  #countSteps(route: string | null, code: ErrorCode | null): void {
    switch (route) {
      case PATHS.loginStart:
        if (code !== null) this.#logins.inc({ outcome: code });
        return;
      case PATHS.loginFinish:
        return this.#logins.inc({ outcome: code ?? SUCCESS });
      case PATHS.registerStart:
        if (code !== null) this.#registrations.inc({ outcome: code });
        return;
      case PATHS.registerFinish:
        return this.#registrations.inc({ outcome: code ?? SUCCESS });
      default:
        return;
    }
  }
}
