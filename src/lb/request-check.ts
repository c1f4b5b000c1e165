/** Checks of requests against their schemas, for the HTTP server. */
import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "#typebox";
import { Compile } from "#typebox/compile";
import { Convert } from "#typebox/value";

/** A body is taken as it is. What stands in an address or a header is text, and is converted to what the schema wants. */
export const checkOf: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const check = Compile(schema);
  return (value: unknown) => {
    const converted = httpPart === "body" ? value : Convert(schema, value);
    return check.Check(converted) ? { value: converted } : { error: check.Errors(converted) };
  };
};
