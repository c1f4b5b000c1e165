/**
 * Contacts: their cards come from the balancer, and are pinned on first use in the archive, so that all devices share
 * the pins. The first pin wins. A copy of each lies on the device, with the card, so that one can write while the archive
 * or the balancer is away.
 */
import Type from "#typebox";
import { Compile } from "#typebox/compile";
import { verifyCard, type VerifiedCard } from "../../crypto/card.js";
import { equalBytes, toHex } from "../../protocol/bytes.js";
import { pack, unpack } from "../../protocol/codec.js";
import { FastChatError, type ErrorCode } from "../../protocol/errors.js";
import { Card } from "../../protocol/http.js";
import type { AccountId, UserName } from "../../protocol/ids.js";
import type { Clock } from "../../protocol/runtime.js";
import { AccountIdSchema } from "../../protocol/schema.js";
import type { Archive } from "./archive.js";
import type { Balancer } from "./balancer.js";
import type { DeviceFiles } from "./device-files.js";
import type { Entries } from "./entries.js";
import { RecentMap } from "./recent-map.js";

export interface ContactsContext {
  readonly me: VerifiedCard;
  readonly balancer: Pick<Balancer, "cardOf" | "cards">;
  readonly archive: Pick<Archive, "append" | "read" | "away">;
  readonly entries: Entries;
  readonly files: DeviceFiles;
  readonly clock: Clock;
  /** The alarm: another identity stands behind this name than the one pinned. */
  onKeyChanged(name: UserName): void;
}

const LocalPin = Type.Object({
  account: AccountIdSchema,
  /** The highest generation of the card that was seen. */
  generation: Type.Integer({ minimum: 1, maximum: 0xffffffff }),
  /** Whether the archive has it. */
  archived: Type.Boolean(),
  /** As it was seen last. */
  card: Type.Optional(Card),
});
type LocalPin = Type.Static<typeof LocalPin>;
const localPins = Compile(LocalPin);

/** How long the archive may take over a new pin before the message goes without, in milliseconds. */
const PIN_PATIENCE_MS = 3_000;
/** After so long a card is asked for again before it is written to: its encryption key may have changed. In milliseconds. */
const CARD_MS = 3_600_000;
/** How long nobody is asked for a card that is at hand, after there was no answer; in milliseconds. */
const ASK_AGAIN_MS = 10_000;
const ALARMING: ReadonlySet<ErrorCode> = new Set(["keyChanged", "undecryptable", "badFrame"]);
/** Whoever is known can be written to although the balancer is away. */
const AWAY: ReadonlySet<ErrorCode> = new Set(["unreachable", "unavailable", "timeout"]);
const KEPT_CARDS = 2_000;
/** What the balancer answers at most in one request. */
const CARDS_PER_REQUEST = 200;

interface Known {
  readonly card: VerifiedCard;
  readonly fetchedAt: number;
}

export class Contacts {
  readonly #context: ContactsContext;
  readonly #byAccount = new RecentMap<AccountId, Known>(KEPT_CARDS);
  /** Whose names nobody has asked for. */
  readonly #unnamed = new RecentMap<AccountId, Known>(KEPT_CARDS);
  readonly #byName = new RecentMap<UserName, AccountId>(KEPT_CARDS);
  readonly #pinning = new Map<UserName, Promise<void>>();

  constructor(context: ContactsContext) {
    this.#context = context;
  }

  /**
   * The card to write to.
   *
   * @throws FastChatError `noSuchAccount`; `keyChanged` where the name is not pinned to that identity; `undecryptable`
   *   for a forged card; what the balancer answers
   */
  async byName(name: UserName): Promise<VerifiedCard> {
    const { me, balancer, clock } = this.#context;
    if (name === me.name) return me;
    const account = this.#byName.get(name);
    const known = account === undefined ? undefined : this.#byAccount.get(account);
    if (known !== undefined && clock.now() - known.fetchedAt < CARD_MS) return known.card;
    let card: Card;
    try {
      card = await balancer.cardOf(name);
    } catch (error) {
      if (!(error instanceof FastChatError && AWAY.has(error.code))) throw error;
      // Old keys stay in the vault: what is encrypted to an older card can be read all the same.
      const kept = known?.card ?? (await this.#kept(name));
      if (kept === null) throw error;
      this.#use(kept, clock.now() - CARD_MS + ASK_AGAIN_MS);
      return kept;
    }
    const verified = await verifyCard(card);
    if (verified.name !== name) throw new FastChatError("badFrame", "The service gave another one's card.");
    await this.#accept(card, verified);
    return verified;
  }

  /** The card of an account, if it is at hand. */
  known(account: AccountId): VerifiedCard | undefined {
    const { me } = this.#context;
    return account === me.account ? me : this.#byAccount.get(account)?.card;
  }

  /**
   * The card to judge a message by.
   *
   * @throws FastChatError as {@link byName}
   */
  async byAccount(account: AccountId): Promise<VerifiedCard> {
    const known = this.known(account);
    if (known !== undefined) return known;
    const found = await this.#fetch([account]);
    const card = found.get(account);
    if (card === undefined) throw new FastChatError("noSuchAccount", "The account is not known.");
    await this.#accept(card.card, card.verified);
    return card.verified;
  }

  /**
   * The cards of a group's members, to write to. Their ids are hashes of their identity keys: no name stands behind them, and
   * none is pinned.
   *
   * @returns in the order of the accounts
   * @throws FastChatError `noSuchAccount`; what the balancer answers
   */
  async cardsOf(accounts: readonly AccountId[]): Promise<VerifiedCard[]> {
    const now = this.#context.clock.now();
    const found = new Map<AccountId, VerifiedCard>();
    const missing: AccountId[] = [];
    for (const account of accounts) {
      const known = this.#byAccount.get(account) ?? this.#unnamed.get(account);
      if (known !== undefined && now - known.fetchedAt < CARD_MS) found.set(account, known.card);
      else missing.push(account);
    }
    for (let at = 0; at < missing.length; at += CARDS_PER_REQUEST) {
      const some = missing.slice(at, at + CARDS_PER_REQUEST);
      for (const [account, card] of await this.#fetchToWriteTo(some)) found.set(account, card);
    }
    return accounts.map((account) => {
      const card = found.get(account);
      if (card === undefined)
        throw new FastChatError("noSuchAccount", "A member has no account here any more.");
      return card;
    });
  }

  async #fetchToWriteTo(accounts: readonly AccountId[]): Promise<Map<AccountId, VerifiedCard>> {
    const cards = new Map<AccountId, VerifiedCard>();
    const fetchedAt = this.#context.clock.now();
    try {
      for (const [account, { verified }] of await this.#fetch(accounts)) {
        const pinned = this.#byAccount.get(account)?.card;
        // Never back to an older key than is known.
        const card = pinned !== undefined && pinned.generation > verified.generation ? pinned : verified;
        this.#unnamed.set(account, { card, fetchedAt });
        cards.set(account, card);
      }
    } catch (error) {
      if (!(error instanceof FastChatError && AWAY.has(error.code))) throw error;
      for (const account of accounts) {
        const old = this.#byAccount.get(account) ?? this.#unnamed.get(account);
        // Old keys stay in the vault, as above.
        if (old === undefined) throw error;
        cards.set(account, old.card);
      }
    }
    return cards;
  }

  /** Names of accounts, as far as they are known and pinned to them; the rest are missing. Never throws. */
  async namesOf(accounts: Iterable<AccountId>): Promise<Map<AccountId, UserName>> {
    const names = new Map<AccountId, UserName>();
    const missing: AccountId[] = [];
    for (const account of new Set(accounts)) {
      const name = this.known(account)?.name;
      if (name === undefined) missing.push(account);
      else names.set(account, name);
    }
    for (let at = 0; at < missing.length; at += CARDS_PER_REQUEST) {
      try {
        for (const { card, verified } of (
          await this.#fetch(missing.slice(at, at + CARDS_PER_REQUEST))
        ).values()) {
          await this.#accept(card, verified).then(
            () => names.set(verified.account, verified.name),
            () => undefined,
          );
        }
      } catch {
        // The balancer is away: ids are shown in the place of names.
      }
    }
    return names;
  }

  async #fetch(
    accounts: readonly AccountId[],
  ): Promise<Map<AccountId, { card: Card; verified: VerifiedCard }>> {
    const wanted = new Set(accounts);
    const found = new Map<AccountId, { card: Card; verified: VerifiedCard }>();
    for (const card of await this.#context.balancer.cards(accounts)) {
      const verified = await verifyCard(card);
      if (wanted.has(verified.account)) found.set(verified.account, { card, verified });
    }
    return found;
  }

  /** Takes a card into use, once its name is pinned to its identity. */
  async #accept(card: Card, verified: VerifiedCard): Promise<void> {
    const { name } = verified;
    if (name === this.#context.me.name) throw this.#alarm(name);
    const before = this.#pinning.get(name) ?? Promise.resolve();
    const pinning = before.catch(() => undefined).then(() => this.#pin(card, verified));
    this.#pinning.set(name, pinning);
    try {
      await pinning;
    } finally {
      if (this.#pinning.get(name) === pinning) this.#pinning.delete(name);
    }
    this.#use(verified, this.#context.clock.now());
  }

  #use(card: VerifiedCard, fetchedAt: number): void {
    this.#byAccount.set(card.account, { card, fetchedAt });
    this.#byName.set(card.name, card.account);
  }

  /** The card that lies on the device with a name's pin. */
  async #kept(name: UserName): Promise<VerifiedCard | null> {
    const pin = await this.#readLocal(await this.#fileOf(name));
    if (pin?.card === undefined) return null;
    const verified = await verifyCard(pin.card);
    return verified.account === pin.account && verified.name === name ? verified : null;
  }

  async #fileOf(name: UserName): Promise<string> {
    return `pin-${toHex(await this.#context.entries.pinTag(name), 0, 16)}`;
  }

  /** @throws FastChatError `keyChanged` */
  async #pin(card: Card, verified: VerifiedCard): Promise<void> {
    const { name, account, generation } = verified;
    const file = await this.#fileOf(name);
    const local = await this.#readLocal(file);
    if (local !== null && local.account !== account) throw this.#alarm(name);
    if (local !== null && generation < local.generation) {
      throw new FastChatError(
        "keyChanged",
        `The service gave an older card of "${name}" than was seen before.`,
      );
    }
    const pin = { account, generation, archived: local?.archived ?? false, card };
    if (local?.generation !== generation || local.card === undefined) await this.#writeLocal(file, pin);
    if (pin.archived) return;
    const archived = this.#archivePin(file, card, pin, name);
    // Told of a conflict later, when nobody waits for it any more.
    archived.catch(() => undefined);
    if (!this.#context.archive.away) await this.#withPatience(archived);
  }

  /** @throws FastChatError `keyChanged` where another device pinned another identity first */
  async #archivePin(file: string, card: Card, pin: LocalPin, name: UserName): Promise<void> {
    const { archive, entries, clock } = this.#context;
    const { had } = await archive.append(await entries.pin(card, clock.now()));
    const first = had ? await this.#firstPin(name) : pin.account;
    if (first === pin.account) return this.#writeLocal(file, { ...pin, archived: true });
    await this.#writeLocal(file, { account: first, generation: 1, archived: true });
    this.#byName.delete(name);
    this.#byAccount.delete(pin.account);
    throw this.#alarm(name);
  }

  async #firstPin(name: UserName): Promise<AccountId> {
    const { archive, entries } = this.#context;
    const tag = await entries.pinTag(name);
    const { entries: found } = await archive.read({ type: "find", entry: tag });
    const [only] = found;
    // Another contact's pin, in the place of this one's, is as genuine as any.
    if (only === undefined || !equalBytes(only.entry, tag)) {
      throw new FastChatError("badFrame", "The archive hides a pin that it has.");
    }
    const entry = await entries.open(only);
    if (entry.type !== "pin") throw new FastChatError("undecryptable", `The pin of "${name}" is damaged.`);
    const pinned = await verifyCard(entry.card);
    if (pinned.name !== name)
      throw new FastChatError("undecryptable", `The pin of "${name}" is another one's.`);
    return pinned.account;
  }

  /** Waits for the archive, but not for one that is away. @throws FastChatError `keyChanged`, `undecryptable` */
  async #withPatience(archived: Promise<void>): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = this.#context.clock.after(PIN_PATIENCE_MS, resolve);
      archived.then(
        () => {
          timer.cancel();
          resolve();
        },
        (error: Error) => {
          timer.cancel();
          // What says that the archive is away is no reason not to write; what says that it is wrong is one.
          const away = error instanceof FastChatError && !ALARMING.has(error.code);
          if (away) resolve();
          else reject(error);
        },
      );
    });
  }

  async #readLocal(file: string): Promise<LocalPin | null> {
    const bytes = await this.#context.files.read(file);
    const pin = bytes === null ? null : unpack(bytes);
    if (pin === null || localPins.Check(pin)) return pin;
    throw new FastChatError("undecryptable", "A contact's pin on this device is damaged.");
  }

  #writeLocal(file: string, pin: LocalPin): Promise<void> {
    return this.#context.files.write(file, pack(pin));
  }

  #alarm(name: UserName): FastChatError {
    this.#context.onKeyChanged(name);
    return new FastChatError(
      "keyChanged",
      `The service shows another identity for "${name}" than the one you know. Nothing is sent to it.`,
    );
  }
}
