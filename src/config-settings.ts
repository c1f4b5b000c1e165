/** Settings one by one: their keys, their values as text, and in words what they may be. */
import { ConfigSchema } from "./config-schema.js";
import { FastChatError } from "./protocol/errors.js";

/** What is read of a schema: enough to say in words what a setting may be. */
export interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly anyOf?: readonly SchemaNode[];
  readonly items?: SchemaNode;
  readonly const?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
}

const ROOT = ConfigSchema as unknown as SchemaNode;

function settingsOf(schema: SchemaNode, prefix: string): [string, SchemaNode][] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) =>
    inner.properties === undefined
      ? [[prefix + key, inner] as [string, SchemaNode]]
      : settingsOf(inner, `${prefix}${key}.`),
  );
}

/** Every setting by its key with dots, as `limits.sendWindow`, in the order of the schema. */
export const SETTINGS: ReadonlyMap<string, SchemaNode> = new Map(settingsOf(ROOT, ""));

/** What would be right, in words. */
export function describe(schema: SchemaNode): string {
  if (schema.anyOf) return schema.anyOf.map(describe).join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  switch (schema.type) {
    case "integer":
      return `a whole number from ${schema.minimum} to ${schema.maximum}`;
    case "array":
      return `a list, each of it ${describe(schema.items ?? {})}`;
    case "null":
      return "null";
    default:
      return schema.pattern === undefined
        ? "a text that is not empty"
        : "an address like postgres://user:password@host:5432/name";
  }
}

/** What a text stands for: a number, a list or `null` where the setting takes one, else the text itself. */
export function fromText(schema: SchemaNode, text: string): unknown {
  const options = schema.anyOf ?? [schema];
  const takes = (type: string) => options.find((option) => option.type === type);
  if (takes("null") && text === "null") return null;
  const list = takes("array");
  if (list?.items) {
    const { items } = list;
    return text
      .replace(/^\[(.*)\]$/, "$1")
      .split(",")
      .map((part) => fromText(items, part.trim()));
  }
  return takes("integer") && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** @throws FastChatError `badConfig` where `value` holds a setting that there is not */
export function refuseUnknown(value: unknown, file: string, schema: SchemaNode = ROOT, prefix = ""): void {
  if (!isObject(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    const known = Object.hasOwn(schema.properties ?? {}, key) ? schema.properties?.[key] : undefined;
    if (known === undefined) throw noSuchSetting(file, prefix + key);
    if (known.properties !== undefined) refuseUnknown(inner, file, known, `${prefix}${key}.`);
  }
}

function noSuchSetting(source: string, key: string): FastChatError {
  return new FastChatError("badConfig", `${source}: there is no setting "${key}"; remove or correct it.`);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @throws FastChatError `badConfig` where there is no such setting */
export function assign(config: unknown, key: string, value: unknown, source: string): void {
  if (!SETTINGS.has(key)) throw noSuchSetting(source, key);
  const path = key.split(".");
  const last = path.pop() as string;
  let target = config as Record<string, unknown>;
  for (const step of path) {
    // A file without this part will be refused for what is missing in it.
    const inner = target[step];
    target = isObject(inner) ? inner : (target[step] = {});
  }
  target[last] = value;
}

export function lookUp(config: unknown, key: string): unknown {
  return key
    .split(".")
    .reduce<unknown>(
      (value, step) => (isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined),
      config,
    );
}
