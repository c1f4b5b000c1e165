/** The way of an operator's command to the running system: its address and the operator token stand in the data folder. */
import { join } from "node:path";
import type { Static, TSchema } from "#typebox";
import { Compile } from "#typebox/compile";
import { HttpsClient } from "../client/node/https.js";
import { ServiceTrust } from "../client/node/pin.js";
import { readPrivateFile } from "../node/private-file.js";
import { parseAddress, type ServiceAddress } from "../protocol/address.js";
import { FastChatError } from "../protocol/errors.js";
import { ADDRESS_FILE } from "../supervisor/data-folder.js";
import { OPERATOR_TOKEN_FILE } from "../supervisor/secrets.js";

export interface OperatorOptions {
  /** The data folder. */
  readonly data: string;
  /** In place of the address that stands there: where that one cannot be reached from here. */
  readonly server?: string | undefined;
}

const CONNECTION = { timeoutMs: 10_000, requestMs: 15_000, maxReplyBytes: 16 * 1024 * 1024 } as const;

/** Asks the balancer, and holds what it answers to a schema. */
export interface Operator {
  /** Where clients find the system: as its data folder says, else as it was given. */
  readonly address: ServiceAddress;
  /**
   * @throws FastChatError what the balancer refuses; `unreachable`, `timeout`; `badFrame` where the answer is not of its form
   */
  ask<S extends TSchema>(
    answer: S,
    method: "GET" | "POST" | "DELETE",
    path: string,
    body?: unknown,
  ): Promise<Static<S>>;
  /** The load page: its address, and a link that opens it with the operator token. */
  readonly page: { readonly url: string; readonly link: string };
  close(): void;
}

/** @throws FastChatError `badConfig` where no system runs on that folder, or the token is not there */
export async function openOperator(options: OperatorOptions): Promise<Operator> {
  const { asked: address, told } = await addressesOf(options);
  const token = await read(options.data, OPERATOR_TOKEN_FILE);
  if (token === null) {
    throw new FastChatError(
      "badConfig",
      `${join(options.data, OPERATOR_TOKEN_FILE)} is not there; name the data folder of the system with --data.`,
    );
  }
  // The pin in the address is the system's own: nobody else is believed, and there is nothing to remember.
  const trust = new ServiceTrust(address, null, async () => undefined);
  const http = new HttpsClient(trust, CONNECTION);
  return {
    address: told,
    async ask(schema, method, path, body) {
      const answer = await http.request(method, path, body, token);
      const check = Compile(schema);
      if (check.Check(answer)) return answer;
      const [first] = check.Errors(answer);
      throw new FastChatError(
        "badFrame",
        `The balancer's answer is not of its form at ${first?.instancePath || "its root"}; is it of this version?`,
      );
    },
    page: pageAt(address, token),
    close: () => http.close(),
  };
}

/** What stands behind # stays in the browser: no server is sent it, and no log of one holds it. */
function pageAt({ host, port }: ServiceAddress, token: string): Operator["page"] {
  const url = `https://${host.includes(":") ? `[${host}]` : host}:${port}/load`;
  return { url, link: `${url}#token=${token}` };
}

/** Where this command goes, and what clients are told. */
async function addressesOf({
  data,
  server,
}: OperatorOptions): Promise<{ asked: ServiceAddress; told: ServiceAddress }> {
  const found = await read(data, ADDRESS_FILE);
  const own = found === null ? null : parseAddress(found);
  if (server !== undefined) {
    const given = parseAddress(server);
    const asked = given.pin !== null || own === null ? given : { ...given, pin: own.pin };
    return { asked, told: own ?? asked };
  }
  if (own !== null) return { asked: own, told: own };
  throw new FastChatError(
    "badConfig",
    `No system is running on the data folder ${data}; start it, or name another folder with --data.`,
  );
}

async function read(folder: string, name: string): Promise<string | null> {
  const found = await readPrivateFile(join(folder, name));
  return found === null ? null : found.toString("utf8").trim();
}
