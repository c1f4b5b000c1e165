/**
 * Whose certificate is believed (SECURITY.md, "The service's key"): the one that the address names by its pin; else one
 * that a certificate authority vouches for; else the one that was there the first time, as ssh's `accept-new` does it.
 */
import { createHash, type X509Certificate } from "node:crypto";
import { formatAddress, type ServiceAddress } from "../../protocol/address.js";
import { equalBytes, toBase64Url } from "../../protocol/bytes.js";
import { FastChatError } from "../../protocol/errors.js";

/** What a device remembers of a service. */
export type KnownKey =
  | { readonly kind: "pin"; readonly pin: Uint8Array }
  /** A certificate authority vouched for it. Remembered so that a service cannot fall back to a key of anyone's. */
  | { readonly kind: "vouched" };

/** A certificate whose private key the peer has just proved to hold. */
export interface PresentedCertificate {
  readonly pin: Uint8Array;
  /** Whether a certificate authority known here vouches for it and for the host's name. */
  readonly vouched: boolean;
}

/**
 * What a person should know of a key that is believed: it is the first one here; or an authority vouches for it, and it
 * is not the one whose pin was remembered.
 */
export type TrustNews = "firstUse" | "authorityInstead";

export type Verdict =
  | { readonly kind: "trusted"; readonly learned: KnownKey | null; readonly news: TrustNews | null }
  | { readonly kind: "refused"; readonly because: "notAsAddressed" | "changed" | "noLongerVouched" };

/** The certificate seen last: a service shows one on all its listeners, and its key takes longer to write out than to compare. */
let seen: { readonly raw: Buffer; readonly pin: Uint8Array } | null = null;

/** SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469, section 2.4): it outlives a renewal that keeps the key. */
export function certificatePin(certificate: X509Certificate): Uint8Array {
  const { raw } = certificate;
  if (seen?.raw.equals(raw) !== true) seen = { raw, pin: pinOf(certificate) };
  return seen.pin;
}

function pinOf(certificate: X509Certificate): Uint8Array {
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  return new Uint8Array(createHash("sha256").update(spki).digest());
}

/**
 * @param addressPin the pin that the person gave with the address, or `null`
 * @param known what was remembered of this service, or `null` where it is new
 */
export function judgeCertificate(
  addressPin: Uint8Array | null,
  known: KnownKey | null,
  presented: PresentedCertificate,
): Verdict {
  const asPin: KnownKey = { kind: "pin", pin: presented.pin };
  if (addressPin !== null) {
    if (!equalBytes(addressPin, presented.pin)) return { kind: "refused", because: "notAsAddressed" };
    const remembered = known?.kind === "pin" && equalBytes(known.pin, presented.pin);
    return { kind: "trusted", learned: remembered ? null : asPin, news: null };
  }
  if (presented.vouched) {
    const replaced = known?.kind === "pin" && !equalBytes(known.pin, presented.pin);
    return {
      kind: "trusted",
      learned: known?.kind === "vouched" ? null : { kind: "vouched" },
      news: replaced ? "authorityInstead" : null,
    };
  }
  if (known === null) return { kind: "trusted", learned: asPin, news: "firstUse" };
  if (known.kind === "vouched") return { kind: "refused", because: "noLongerVouched" };
  if (!equalBytes(known.pin, presented.pin)) return { kind: "refused", because: "changed" };
  return { kind: "trusted", learned: null, news: null };
}

/**
 * Told what was learned about a service; the connection goes on once the promise is kept.
 *
 * @param pin of the key that was shown
 */
export type Learn = (key: KnownKey, news: TrustNews | null, pin: Uint8Array) => Promise<void>;

/** The trust in one service. All its listeners share one certificate, so balancer, chat servers and archive share this. */
export class ServiceTrust {
  #known: KnownKey | null;
  /** Checks run one after the other: of two first connections at once only one is the first use. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    readonly address: ServiceAddress,
    known: KnownKey | null,
    private readonly learn: Learn,
  ) {
    this.#known = known;
  }

  /** @throws FastChatError `pinMismatch`, saying what was expected, what came and what can be done */
  check(presented: PresentedCertificate): Promise<void> {
    const checked = this.#turn.then(() => this.#check(presented));
    this.#turn = checked.catch(() => undefined);
    return checked;
  }

  async #check(presented: PresentedCertificate): Promise<void> {
    const verdict = judgeCertificate(this.address.pin, this.#known, presented);
    if (verdict.kind === "refused") throw this.#refusal(verdict.because, presented.pin);
    if (verdict.learned === null) return;
    await this.learn(verdict.learned, verdict.news, presented.pin);
    this.#known = verdict.learned;
  }

  #refusal(because: Extract<Verdict, { kind: "refused" }>["because"], pin: Uint8Array): FastChatError {
    const where = serviceName(this.address);
    const now = toBase64Url(pin);
    const wayOut =
      "If the service was set up anew, ask whoever runs it for its address with the pin and give that once: " +
      `--server '${formatAddress({ ...this.address, pin: null })}#PIN'.`;
    switch (because) {
      case "notAsAddressed":
        return new FastChatError(
          "pinMismatch",
          `${where} shows a key with the pin ${now}; the address given says ${toBase64Url(this.address.pin ?? pin)}.`,
        );
      case "changed": {
        const before = this.#known?.kind === "pin" ? toBase64Url(this.#known.pin) : "";
        return new FastChatError(
          "pinMismatch",
          `The key of ${where} has changed: its pin was ${before} and is now ${now}. ${wayOut}`,
        );
      }
      case "noLongerVouched":
        return new FastChatError(
          "pinMismatch",
          `No certificate authority vouches for ${where} any more, as one did before; its key's pin is ${now}. ${wayOut}`,
        );
    }
  }
}

/** How a service is named in the memory of a device and in messages: host and port. */
export function serviceName({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(":") ? `[${host}]` : host.toLowerCase()}:${port}`;
}
