/** The description of the API is whole, and is one by the rules of OpenAPI 3.1 (sections 4.8.8 to 4.8.17). */
import t from "tap";
import { startService } from "./service.js";

interface Schema {
  readonly [key: string]: unknown;
}
interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: Schema;
}
interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Content & { readonly required?: boolean };
  readonly responses: Readonly<Record<string, Content & { readonly description?: string }>>;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly securitySchemes: Readonly<Record<string, Schema>> };
}

const METHODS = new Set(["get", "post", "delete"]);
/** Orders that need no more than their address. */
const WITHOUT_BODY = [
  "post /v1/archive/voucher",
  "post /v1/logout",
  "post /v1/operator/rebalance",
  "post /v1/operator/servers/{server}/drain",
  "post /v1/operator/servers/{server}/resume",
  "post /v1/operator/users/{name}/lift",
  "post /v1/operator/users/{name}/suspend",
  "post /v1/place",
];
/** What anyone may ask. */
const WITHOUT_TOKEN = [
  "get /v1/service",
  "post /v1/login/finish",
  "post /v1/login/start",
  "post /v1/register/finish",
  "post /v1/register/start",
];

const service = await startService(t);
const { body } = await service.ask("GET", "/v1/openapi.json");
const document = body as Document;
const operations = Object.entries(document.paths)
  .filter(([path]) => path.startsWith("/v1/"))
  .flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      path,
      method,
      operation,
      name: `${method} ${path}`,
    })),
  );
const jsonOf = (content: Content | undefined): Schema | undefined =>
  content?.content?.["application/json"]?.schema;

t.test("it names its version, itself, and methods that there are", (t) => {
  t.match(document.openapi, /^3\.1\.\d+$/);
  t.match(document.info, { title: /./, version: /^\d+\.\d+\.\d+/ });
  t.ok(operations.length >= 25);
  for (const { path, method, operation, name } of operations) {
    t.ok(METHODS.has(method), name);
    t.match(operation.summary, /^[A-Z].*[^.]$/, name);
    t.equal(new Set(path.match(/\{\w+\}/g)).size, (path.match(/\{/g) ?? []).length, name);
  }
  t.end();
});

t.test("every parameter of a path is declared, with a schema, and so is every other", (t) => {
  for (const { path, operation, name } of operations) {
    const parameters = operation.parameters ?? [];
    const inPath = parameters.filter((parameter) => parameter.in === "path");
    t.same(
      inPath.map((parameter) => parameter.name),
      [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter),
      name,
    );
    t.ok(inPath.every(({ required }) => required === true));
    for (const parameter of parameters) {
      t.ok(["path", "query", "header"].includes(parameter.in));
      t.ok(bounded(parameter.schema), `${name} ${parameter.name}`);
    }
    const known = parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
    t.equal(new Set(known).size, known.length);
  }
  t.end();
});

t.test("every body has a schema, and no route takes one that is not told of", (t) => {
  const without = operations.filter(({ method, operation }) => {
    return method === "post" && operation.requestBody === undefined;
  });
  t.same(without.map(({ name }) => name).sort(), WITHOUT_BODY);
  for (const { method, operation, name } of operations) {
    if (operation.requestBody === undefined) continue;
    t.equal(method, "post");
    t.equal(operation.requestBody.required, true);
    t.match(jsonOf(operation.requestBody), { type: "object", properties: {} }, name);
    t.ok(bounded(jsonOf(operation.requestBody)), name);
  }
  t.end();
});

t.test("every answer has a description and, unless it is empty, a schema; so has every failure", (t) => {
  for (const { operation, name } of operations) {
    const statuses = Object.keys(operation.responses);
    t.ok(statuses.length === 2 && statuses.includes("default"), name);
    for (const [status, response] of Object.entries(operation.responses)) {
      t.match(status, /^(20\d|default)$/);
      t.match(response.description, /./);
      t.equal(jsonOf(response) === undefined, status === "204", `${name} ${status}`);
    }
    t.match(jsonOf(operation.responses["default"]), {
      required: ["code", "message"],
      properties: { code: {}, message: {}, retryAfterMs: {} },
    });
  }
  t.end();
});

t.test("who may ask is told by schemes that are declared", (t) => {
  const { securitySchemes } = document.components;
  t.match(securitySchemes, { session: { type: "http", scheme: "bearer" }, operator: { type: "http" } });
  const open = operations.filter(({ operation }) => operation.security === undefined);
  t.same(open.map(({ name }) => name).sort(), WITHOUT_TOKEN);
  for (const { path, operation, name } of operations) {
    for (const requirement of operation.security ?? []) {
      t.same(Object.keys(requirement), [path.startsWith("/v1/operator/") ? "operator" : "session"], name);
    }
  }
  t.end();
});

t.test("schemas are of JSON Schema 2020-12: no keyword of older versions, no reference to nowhere", (t) => {
  const older = new Set([
    "nullable",
    "definitions",
    "dependencies",
    "$recursiveRef",
    "example",
    "discriminator",
  ]);
  const found: string[] = [];
  for (const { operation, name } of operations) {
    const schemas = [
      ...(operation.parameters ?? []).map(({ schema }) => schema),
      jsonOf(operation.requestBody),
      ...Object.values(operation.responses).map(jsonOf),
    ];
    for (const schema of schemas) {
      for (const node of nodesOf(schema)) {
        for (const key of Object.keys(node))
          if (older.has(key) || key.startsWith("~")) found.push(`${name} ${key}`);
        if (typeof node["exclusiveMinimum"] === "boolean") found.push(`${name} exclusiveMinimum`);
        if ("$ref" in node) found.push(`${name} ${String(node["$ref"])}`);
        if ("type" in node) t.match(node["type"], /^(object|array|string|number|integer|boolean|null)$/);
        if (typeof node["pattern"] === "string") t.ok(new RegExp(node["pattern"], "u"));
      }
    }
  }
  t.same(found, []);
  t.end();
});

/** Every schema within a schema, itself included; names of properties are none. */
function* nodesOf(schema: unknown): Generator<Schema> {
  if (typeof schema !== "object" || schema === null) return;
  const node = schema as Schema;
  yield node;
  const { properties, items, anyOf } = node;
  for (const inner of Object.values((properties ?? {}) as Schema)) yield* nodesOf(inner);
  for (const inner of [items, ...((anyOf ?? []) as unknown[])]) yield* nodesOf(inner);
}

/** Whether nothing in it may be of any size: what comes from outside has a bound in its schema. */
function bounded(schema: Schema | undefined): boolean {
  return (
    schema !== undefined &&
    [...nodesOf(schema)].every((node) => {
      if (node["type"] === "string")
        return (
          "maxLength" in node || "enum" in node || "const" in node || /\}\$$/.test(String(node["pattern"]))
        );
      if (node["type"] === "array") return "maxItems" in node;
      if (node["type"] === "integer" || node["type"] === "number")
        return "minimum" in node && "maximum" in node;
      return true;
    })
  );
}
