/** The folder that holds one account's state on this device, and what it remembers of services. */
import { join } from "node:path";
import envPaths from "env-paths";
import Type, { type Static } from "#typebox";
import { Compile } from "#typebox/compile";
import { formatAddress, parseAddress, type ServiceAddress } from "../../protocol/address.js";
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import { Base64Url } from "../../protocol/schema.js";
import { serviceName, type KnownKey } from "./pin.js";
import { FileStorage } from "./storage.js";

const Known = Type.Union([
  Type.Object({ pin: Base64Url(32, 32, "SHA-256 of the SubjectPublicKeyInfo") }),
  Type.Object({ vouched: Type.Literal(true) }),
]);
const Services = Type.Object({
  /** Where the account of this folder is, as `fastchat://host:port`. */
  current: Type.Union([Type.String(), Type.Null()]),
  /** By `host:port`. */
  known: Type.Record(Type.String(), Known),
});
type Services = Static<typeof Services>;
const services = Compile(Services);

const SERVICES = "services.json";

/** `FASTCHAT_HOME`, or the folder where this platform keeps programs' data. */
export function homeFolder(env: Readonly<Record<string, string | undefined>>): string {
  return env["FASTCHAT_HOME"] || envPaths("fastchat", { suffix: "" }).data;
}

export class DeviceHome {
  /** The account's files; what they hold is sealed by the client's core. */
  readonly storage: FileStorage;
  readonly #files: FileStorage;

  /**
   * @param folder anything may stand in it already, so its permissions are left alone; the folders made inside it, when
   *   something is first written, are closed to others
   */
  constructor(readonly folder: string) {
    this.#files = new FileStorage(join(folder, "known"));
    this.storage = new FileStorage(join(folder, "device"));
  }

  /** The service that this folder's account is on, or `null` before the first login. */
  async currentService(): Promise<ServiceAddress | null> {
    const { current } = await this.#read();
    return current === null ? null : parseAddress(current);
  }

  async setCurrentService(address: ServiceAddress): Promise<void> {
    await this.#change((all) => ({ ...all, current: formatAddress({ ...address, pin: null }) }));
  }

  async knownKey(address: ServiceAddress): Promise<KnownKey | null> {
    const { known } = await this.#read();
    const name = serviceName(address);
    const entry = Object.hasOwn(known, name) ? known[name] : undefined;
    if (entry === undefined) return null;
    if ("vouched" in entry) return { kind: "vouched" };
    const pin = fromBase64Url(entry.pin);
    return pin === null ? null : { kind: "pin", pin };
  }

  async rememberKey(address: ServiceAddress, key: KnownKey): Promise<void> {
    const entry = key.kind === "pin" ? { pin: toBase64Url(key.pin) } : { vouched: true as const };
    await this.#change((all) => ({ ...all, known: { ...all.known, [serviceName(address)]: entry } }));
  }

  async #change(change: (all: Services) => Services): Promise<void> {
    await this.#files.withLock(SERVICES, async () => {
      const changed = change(await this.#read());
      await this.#files.write(SERVICES, utf8(`${JSON.stringify(changed, null, 2)}\n`));
    });
  }

  async #read(): Promise<Services> {
    const bytes = await this.#files.read(SERVICES);
    if (bytes === null) return { current: null, known: {} };
    try {
      const value: unknown = JSON.parse(fromUtf8(bytes));
      if (services.Check(value)) return value;
    } catch {
      // Told below, as everything else that is not of the form.
    }
    // Never read as "nothing known": that would trust anybody's key anew.
    throw new FastChatError(
      "badConfig",
      `${join(this.#files.folder, SERVICES)} is damaged; repair it, or remove it to begin anew with the services' keys.`,
    );
  }
}
