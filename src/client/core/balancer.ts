/** What the client asks of the balancer (PROTOCOL.md, "Accounts and placement"). Answers are checked once, here. */
import type { TSchema, Static } from "#typebox";
import { Compile, type Validator } from "#typebox/compile";
import { fromBase64Url, toBase64Url } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";
import {
  ArchiveAddress,
  Card,
  CardsFound,
  CheckpointReplaced,
  Devices,
  LoginFinished,
  LoginStarted,
  PATHS,
  Placement,
  RegisterStarted,
  ServiceCheckpoint,
  ServiceInfo,
  SignedIn,
  Voucher,
  type LoginFinish,
  type LoginStart,
  type RegisterFinish,
  type RegisterStart,
  type ReplaceCheckpoint,
} from "../../protocol/http.js";
import type { AccountId, UserName } from "../../protocol/ids.js";
import type { HttpClient } from "./ports.js";

const answers = {
  service: Compile(ServiceInfo),
  registerStarted: Compile(RegisterStarted),
  signedIn: Compile(SignedIn),
  loginStarted: Compile(LoginStarted),
  loginFinished: Compile(LoginFinished),
  placement: Compile(Placement),
  archive: Compile(ArchiveAddress),
  voucher: Compile(Voucher),
  card: Compile(Card),
  cards: Compile(CardsFound),
  devices: Compile(Devices),
  checkpoint: Compile(ServiceCheckpoint),
  checkpointReplaced: Compile(CheckpointReplaced),
};

/** What anyone may ask. All methods throw what the {@link HttpClient} throws, and `badFrame` on a malformed answer. */
export class Doorway {
  constructor(private readonly http: HttpClient) {}

  /** What the service says of itself. */
  async service(): Promise<ServiceInfo> {
    return checked(answers.service, await this.http.request("GET", PATHS.service));
  }

  async startRegistration(body: RegisterStart): Promise<RegisterStarted> {
    return checked(answers.registerStarted, await this.http.request("POST", PATHS.registerStart, body));
  }

  async finishRegistration(body: RegisterFinish): Promise<SignedIn> {
    return checked(answers.signedIn, await this.http.request("POST", PATHS.registerFinish, body));
  }

  async startLogin(body: LoginStart): Promise<LoginStarted> {
    return checked(answers.loginStarted, await this.http.request("POST", PATHS.loginStart, body));
  }

  async finishLogin(body: LoginFinish): Promise<LoginFinished> {
    return checked(answers.loginFinished, await this.http.request("POST", PATHS.loginFinish, body));
  }
}

/** What a signed-in device may ask. All methods throw what the {@link HttpClient} throws, and `badFrame` likewise. */
export class Balancer {
  readonly #http: HttpClient;
  readonly #token: string;

  /** @param token session token, base64url */
  constructor(http: HttpClient, token: string) {
    this.#http = http;
    this.#token = token;
  }

  /** A chat server for this device, with a ticket for one connection to it, and where the archive is. */
  async place(): Promise<Placement> {
    return checked(answers.placement, await this.#http.request("POST", PATHS.place, {}, this.#token));
  }

  /** Where the archive is. */
  async archive(): Promise<ArchiveAddress> {
    return checked(answers.archive, await this.#http.request("GET", PATHS.archive, undefined, this.#token));
  }

  /** The right to make one archive. */
  async voucher(): Promise<Uint8Array> {
    const answer = await this.#http.request("POST", PATHS.voucher, {}, this.#token);
    return voucherIn(answer);
  }

  /** The right to store one file. @param bytes of all its sealed chunks */
  async fileVoucher(bytes: number): Promise<Uint8Array> {
    const answer = await this.#http.request("POST", PATHS.fileVoucher, { bytes }, this.#token);
    return voucherIn(answer);
  }

  /** The devices that are signed in to the account, the one that was here last first. */
  async devices(): Promise<Devices["devices"]> {
    const answer = await this.#http.request("GET", PATHS.devices, undefined, this.#token);
    return checked(answers.devices, answer).devices;
  }

  /** The account's checkpoint of its archive, sealed; `null` where there is none. */
  async checkpoint(): Promise<{ readonly sealed: Uint8Array | null }> {
    const answer = await this.#http.request("GET", PATHS.checkpoint, undefined, this.#token);
    const { sealed } = checked(answers.checkpoint, answer);
    return { sealed: sealed === null ? null : fromBase64Url(sealed) };
  }

  /**
   * Replaces that checkpoint.
   *
   * @param instead what it replaces
   * @returns whether that still stood
   */
  async replaceCheckpoint(instead: Uint8Array | null, sealed: Uint8Array): Promise<boolean> {
    const body: ReplaceCheckpoint = {
      instead: instead === null ? null : toBase64Url(instead),
      sealed: toBase64Url(sealed),
    };
    const answer = await this.#http.request("POST", PATHS.checkpoint, body, this.#token);
    return checked(answers.checkpointReplaced, answer).replaced;
  }

  /** Ends this device's session. */
  async logout(): Promise<void> {
    await this.#http.request("POST", PATHS.logout, {}, this.#token);
  }

  /** @throws FastChatError `noSuchAccount` */
  async cardOf(name: UserName): Promise<Card> {
    return checked(answers.card, await this.#http.request("GET", PATHS.cardOf(name), undefined, this.#token));
  }

  /** Cards of accounts; one that does not exist is missing from the answer, which is not in the order asked. */
  async cards(accounts: readonly AccountId[]): Promise<Card[]> {
    const body = { accounts: [...accounts] };
    const answer = await this.#http.request("POST", PATHS.cards, body, this.#token);
    return checked(answers.cards, answer).cards;
  }
}

function checked<S extends TSchema>(
  validator: Validator<Record<never, never>, S>,
  answer: unknown,
): Static<S> {
  if (validator.Check(answer)) return answer;
  const [first] = validator.Errors(answer);
  const where = first === undefined ? "" : ` at ${first.instancePath || "its root"}: ${first.message}`;
  throw new FastChatError("badFrame", `The service's answer is not of its form${where}.`);
}

/** @throws FastChatError `badFrame` */
function voucherIn(answer: unknown): Uint8Array {
  const voucher = fromBase64Url(checked(answers.voucher, answer).voucher);
  if (voucher === null) throw new FastChatError("badFrame", "The voucher is not of its form.");
  return voucher;
}
