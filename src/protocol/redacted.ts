/** Values that must not reach a log or a screen by accident. */

const REDACTED = "[redacted]";
const hidden = { value: () => REDACTED, enumerable: false, configurable: true };
const HIDING: PropertyDescriptorMap = {
  // The symbol that Node's console and util.inspect ask for; it needs no Node to be named.
  [Symbol.for("nodejs.util.inspect.custom")]: hidden,
  toJSON: hidden,
  toString: hidden,
};

/**
 * Makes a value print as `[redacted]`: on a console, as a text and as JSON. Its own fields stay readable to code; a
 * copy made by spreading is an ordinary value again.
 *
 * @param value an object, array or byte string that is not frozen
 */
export function redacted<T extends object>(value: T): T {
  return Object.defineProperties(value, HIDING);
}
