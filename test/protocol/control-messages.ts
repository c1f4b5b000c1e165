/** What holds of every control message, whoever sends it (PROTOCOL.md, "Frames"). */
import type { Test } from "tap";
import type { Codec } from "../../src/protocol/codec.js";
import { alterations } from "./altered.js";
import { read, write, type Value } from "./msgpack.js";

export interface Example<T> {
  readonly message: T;
  /** Fields that may be missing, as `/chat`. */
  readonly optional?: readonly string[];
}

function frame(message: Value): Buffer {
  return Buffer.concat([Buffer.of(0x01), write(message)]);
}

/** Runs a test for each example: its bytes, its way there and back, and all that is refused in its place. */
export function holdToForm<T extends { readonly type: string }>(
  t: Test,
  codec: Codec<T>,
  examples: readonly Example<T>[],
): void {
  for (const { message, optional = [] } of examples) {
    const value = message as unknown as Value;
    t.test(`"${message.type}" is a kind byte and a map that others read and write`, async (t) => {
      const encoded = codec.encode(message);
      t.equal(encoded[0], 0x01);
      t.same(read(encoded.subarray(1)), value);
      t.same(codec.decode(encoded), message);
      t.same(codec.decode(frame(value)), message);
      t.same(codec.decode(new Uint8Array(frame(value))), message);
    });

    t.test(
      `"${message.type}" is refused with a field missing or of another kind, which is named`,
      async (t) => {
        const wrong: unknown[] = [];
        let altered = 0;
        for (const { path, what, value: other } of alterations(value, true)) {
          altered++;
          const answer = answerTo(codec, frame(other));
          const field = path.split("/").pop() ?? "";
          const named = path === "" || path === "/type" || answer.includes(field);
          const expected = what === "missing" && optional.includes(path) ? "taken" : "badFrame";
          if (!answer.startsWith(expected) || !(named || expected === "taken"))
            wrong.push({ path, what, answer });
        }
        t.same(wrong, []);
        t.ok(altered > 6, `${altered} alterations`);
      },
    );

    t.test(`"${message.type}" is refused when cut short or followed by anything`, async (t) => {
      const whole = frame(value);
      const wrong: unknown[] = [];
      for (let length = 0; length < whole.length; length++) {
        const answer = answerTo(codec, whole.subarray(0, length));
        if (!answer.startsWith("badFrame")) wrong.push({ length, answer });
      }
      t.same(wrong, []);
      for (const rest of [[0x00], [0xc0], [0x80], [...whole.subarray(1)]]) {
        t.throws(() => codec.decode(Buffer.concat([whole, Buffer.from(rest)])), { code: "badFrame" });
      }
    });

    t.test(`"${message.type}" with a field that a later version added is taken`, async (t) => {
      t.match(codec.decode(frame({ ...(value as object), later: [1] })), message);
    });
  }
}

/** Each value in place of a field of an example is refused. */
export function refusesValues<T, M extends T>(
  t: Test,
  codec: Codec<T>,
  message: M,
  field: keyof M & string,
  values: readonly Value[],
): void {
  for (const value of values) {
    const other = { ...message, [field]: value } as unknown as Value;
    const shown = value instanceof Uint8Array ? `${value.length} bytes` : JSON.stringify(value)?.slice(0, 60);
    t.throws(
      () => codec.decode(frame(other)),
      { code: "badFrame", message: new RegExp(`/${field}`) },
      `${field}: ${shown}`,
    );
  }
}

/** Each value in place of a field of an example is taken. */
export function takesValues<T, M extends T>(
  t: Test,
  codec: Codec<T>,
  message: M,
  field: keyof M & string,
  values: readonly Value[],
): void {
  for (const value of values) {
    const other = { ...message, [field]: value };
    t.same(codec.decode(frame(other)), other, field);
  }
}

function answerTo<T>(codec: Codec<T>, bytes: Uint8Array): string {
  try {
    codec.decode(bytes);
    return "taken";
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    return `${String(code)}: ${message}`;
  }
}
