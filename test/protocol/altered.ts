/** Every value that differs from a message in one place, for tests of what a schema refuses. */
import type { Value } from "./msgpack.js";

export interface Altered {
  /** Where, as `/entries/0/chat`. */
  readonly path: string;
  readonly what: string;
  readonly value: Value;
}

/** One value of every kind; the first of JSON's, the last of MessagePack's besides. */
const ONE_OF_EACH: readonly Value[] = [null, true, 1, "text", [], {}, Buffer.of(1)];

/**
 * The message without one field, and with one value of another kind than it is, at every depth.
 *
 * @param binary whether binary is a kind of its own, as in MessagePack
 */
export function* alterations(message: Value, binary: boolean): Generator<Altered> {
  for (const { path, here, put } of places(message)) {
    for (const other of ONE_OF_EACH) {
      if (kindOf(other) === kindOf(here) || (!binary && other instanceof Uint8Array)) continue;
      yield { path, what: `${kindOf(other)} instead of ${kindOf(here)}`, value: put(other) };
    }
    if (path !== "" && !/\/\d+$/.test(path)) yield { path, what: "missing", value: put(undefined) };
  }
}

interface Place {
  readonly path: string;
  readonly here: Value;
  /** The whole with another value here, or without any. */
  readonly put: (value: Value | undefined) => Value;
}

function* places(value: Value, path = "", put: Place["put"] = (other) => other ?? null): Generator<Place> {
  yield { path, here: value, put };
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return;
  for (const [key, inner] of Object.entries(value)) {
    const putInside = (other: Value | undefined): Value => {
      if (Array.isArray(value))
        return put(value.map((one: Value, at) => (String(at) === key ? other : one)) as Value);
      const others = Object.entries(value).filter(([name]) => name !== key);
      return put(Object.fromEntries(other === undefined ? others : [...others, [key, other]]));
    };
    yield* places(inner as Value, `${path}/${key}`, putInside);
  }
}

function kindOf(value: Value): string {
  if (value === null) return "nil";
  if (value instanceof Uint8Array) return "binary";
  return Array.isArray(value) ? "array" : typeof value;
}
