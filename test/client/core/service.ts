/**
 * A whole service in memory, as far as a client sees it: balancer, one chat server, archives. It does what the protocol
 * says until a test tells it otherwise, and never decrypts.
 */
import { createHash } from "node:crypto";
import { MemoryGroups } from "../../../bench/simulation/memory-groups.js";
import { VirtualClock } from "../../../bench/simulation/virtual-clock.js";
import type { Endpoint, HttpClient } from "../../../src/client/core/ports.js";
import { fromBase64Url, toBase64Url, toHex, utf8, fromUtf8 } from "../../../src/protocol/bytes.js";
import {
  PROTOCOL_VERSION,
  clientMessages,
  serverMessages,
  type ClientMessage,
  type ServerMessage,
} from "../../../src/protocol/chat.js";
import { FastChatError } from "../../../src/protocol/errors.js";
import {
  Kind,
  Outcome,
  decodeHeader,
  decodeSend,
  encodeOutcomes,
  encodeSend,
  frameKind,
  type HotHeader,
  type SendFrame,
} from "../../../src/protocol/hot.js";
import {
  PATHS,
  type Card,
  type CardsRequest,
  type ReplaceCheckpoint,
  type LoginFinish,
  type LoginStart,
  type RegisterFinish,
  type RegisterStart,
  type Stretching,
  type VaultRecord,
} from "../../../src/protocol/http.js";
import {
  parseServerId,
  readId16,
  type AccountId,
  type DeviceId,
  type ServerId,
  type UserName,
} from "../../../src/protocol/ids.js";
import type { FrameChannel } from "../../../src/protocol/runtime.js";
import { memoryChannel, type MemoryEnd } from "../../../src/node/memory-channel.js";
import { GroupRegistry } from "../../../src/workers/chat/group-registry.js";
import { ArchiveService } from "./archive-service.js";

export const CHAT: Endpoint = { host: "chat.test", port: 1 };
export const ARCHIVE: Endpoint = { host: "archive.test", port: 2 };

export type GroupRequest = Extract<ClientMessage, { type: "groupLog" | "groupAppend" | "groupHeads" }>;
type Reply = Extract<ServerMessage, { type: "groupEvents" | "groupAppended" | "groupEpochs" | "refused" }>;
/** An answer, before it names its question. */
type Unnumbered = { [Type in Reply["type"]]: Omit<Extract<Reply, { type: Type }>, "ref"> }[Reply["type"]];

export interface ServerSession {
  readonly account: AccountId;
  readonly channel: FrameChannel;
  attached: boolean;
  say(message: ServerMessage): void;
  deliver(frame: SendFrame): void;
}

interface Account {
  readonly card: Card;
  readonly vault: VaultRecord;
  /** What stands for the OPAQUE record. */
  readonly record: string;
  readonly id: AccountId;
}

export class Service {
  readonly clock = new VirtualClock();
  readonly archive = new ArchiveService();
  readonly accounts = new Map<UserName, Account>();
  /** Sealed checkpoints of archives. */
  readonly checkpoints = new Map<AccountId, string>();
  stretching: Stretching = { algorithm: "argon2id", iterations: 3, memoryKiB: 65536, parallelism: 4 };
  /** What a sign-up has to show; `null`: everybody may come. */
  invite: string | null = null;
  balancerAway = false;
  chatAway = false;
  /** Answers no pings. */
  deaf = false;
  /** Answers every request to the balancer with this. */
  refusal: FastChatError | null = null;
  welcome = {
    idleMs: 60_000,
    maxFrameBytes: 262_144,
    sendWindow: 256,
    sendWindowBytes: 4_194_304,
  };
  /** Requests to the balancer. */
  readonly requests: string[] = [];
  /** Every `send` that came. */
  readonly sends: SendFrame[] = [];
  /** Every `ack` that came. */
  readonly acks: HotHeader[] = [];
  /** How many hellos came, and how many of them asked for deliveries. */
  readonly hellos: boolean[] = [];
  /** Sessions that are open. */
  readonly sessions = new Set<ServerSession>();
  /** What waits for each account, in order. */
  readonly mailboxes = new Map<AccountId, SendFrame[]>();
  readonly groups = new MemoryGroups();
  /** Answers a question about groups; `null` leaves it to their logs. */
  onGroupRequest: (account: AccountId, request: GroupRequest) => Unnumbered | null = () => null;
  /** Whether people are told that a group has changed. */
  tellsOfGroups = true;
  readonly registry = new GroupRegistry({
    store: this.groups,
    most: 1000,
    tellOthers: (group, epoch, accounts) => {
      for (const session of this.sessions) {
        if (this.tellsOfGroups && accounts.includes(session.account))
          session.say({ type: "groupChanged", group, epoch });
      }
      return Promise.resolve();
    },
  });
  /** Takes a message in the place of the mailboxes; returns whether it did. */
  onSend: (session: ServerSession, frame: SendFrame) => boolean = () => false;
  readonly #tokens = new Map<string, { account: AccountId; device: DeviceId }>();
  readonly #tickets = new Map<string, { account: AccountId; device: DeviceId }>();
  readonly #logins = new Map<string, UserName>();
  #serial = 0;

  /** A session token for a device of an account. */
  signIn(account: AccountId): { account: AccountId; device: DeviceId; token: string } {
    const device = readId16<DeviceId>(this.#bytes(16));
    const token = toBase64Url(this.#bytes(32));
    this.#tokens.set(token, { account, device });
    return { account, device, token };
  }

  /** A ticket for whoever has that session. */
  ticketOf({ account }: ServerSession): Uint8Array {
    const ticket = this.#bytes(24);
    this.#tickets.set(toBase64Url(ticket), { account, device: readId16<DeviceId>(this.#bytes(16)) });
    return ticket;
  }

  /** Ends all sessions of tokens: they are not known any more. */
  revokeAll(): void {
    this.#tokens.clear();
  }

  addAccount(name: UserName, id: AccountId, card: Card, vault: VaultRecord, record: string): void {
    this.accounts.set(name, { card, vault, record, id });
  }

  mailbox(account: AccountId): SendFrame[] {
    const found = this.mailboxes.get(account) ?? [];
    this.mailboxes.set(account, found);
    return found;
  }

  /** Breaks all connections to the chat server off. */
  cut(): void {
    for (const { channel } of [...this.sessions]) channel.destroy();
  }

  async connect(endpoint: Endpoint): Promise<MemoryEnd> {
    await turn();
    const isArchive = endpoint.port === ARCHIVE.port;
    if (isArchive ? this.archive.away : this.chatAway) {
      throw new FastChatError("unreachable", "Nothing listens there.");
    }
    const [client, server] = memoryChannel();
    if (isArchive) this.archive.accept(server);
    else this.#accept(server);
    return client;
  }

  readonly http: HttpClient = {
    request: async (method, path, body, token) => {
      this.requests.push(`${method} ${path}`);
      await turn();
      if (this.balancerAway) throw new FastChatError("unreachable", "The balancer is away.");
      if (this.refusal !== null) throw this.refusal;
      // As over the wire: nothing of the service's is shared with a client.
      return JSON.parse(JSON.stringify(this.#answer(method, path, body, token) ?? null)) as unknown;
    },
  };

  #answer(method: string, path: string, body: unknown, token: string | undefined): unknown {
    switch (`${method} ${path}`) {
      case `GET ${PATHS.service}`:
        return {
          protocol: PROTOCOL_VERSION,
          version: "0.0.0",
          minimumStretching: this.stretching,
          registration: this.invite === null ? "open" : "invite",
        };
      case `POST ${PATHS.registerStart}`:
        this.#refuseUninvited(body as RegisterStart);
        return { response: "cmVzcG9uc2U", stretching: this.stretching };
      case `POST ${PATHS.registerFinish}`:
        return this.#register(body as RegisterFinish);
      case `POST ${PATHS.loginStart}`:
        return this.#startLogin(body as LoginStart);
      case `POST ${PATHS.loginFinish}`:
        return this.#finishLogin(body as LoginFinish);
    }
    const session = this.#tokens.get(token ?? "");
    if (session === undefined) throw new FastChatError("notSignedIn", "The session has ended.");
    switch (`${method} ${path}`) {
      case `POST ${PATHS.place}`: {
        const ticket = toBase64Url(this.#bytes(24));
        this.#tickets.set(ticket, session);
        return { server: { id: "chat-1", ...CHAT }, archive: ARCHIVE, ticket, validMs: 60_000 };
      }
      case `GET ${PATHS.archive}`:
        return ARCHIVE;
      case `POST ${PATHS.fileVoucher}`:
      case `POST ${PATHS.voucher}`: {
        const voucher = this.#bytes(24);
        this.archive.vouchers.add(toHex(voucher));
        return { voucher: toBase64Url(voucher) };
      }
      case `POST ${PATHS.cards}`: {
        const wanted = new Set((body as CardsRequest).accounts);
        return {
          cards: [...this.accounts.values()].filter(({ id }) => wanted.has(id)).map(({ card }) => card),
        };
      }
      case `GET ${PATHS.checkpoint}`:
        return { sealed: this.checkpoints.get(session.account) ?? null };
      case `POST ${PATHS.checkpoint}`: {
        const { instead, sealed } = body as ReplaceCheckpoint;
        const replaced = (this.checkpoints.get(session.account) ?? null) === instead;
        if (replaced) this.checkpoints.set(session.account, sealed);
        return { replaced };
      }
      case `POST ${PATHS.logout}`:
        this.#tokens.delete(token ?? "");
        return undefined;
    }
    const name = path.slice(PATHS.cards.length + 1) as UserName;
    const card = this.accounts.get(name)?.card;
    if (card === undefined) throw new FastChatError("noSuchAccount", `Nobody is called "${name}".`);
    return card;
  }

  #refuseUninvited({ invite }: { readonly invite?: string }): void {
    if (this.invite !== null && invite !== this.invite)
      throw new FastChatError("badInvite", "This invite is not known.");
  }

  #register(finish: RegisterFinish): unknown {
    this.#refuseUninvited(finish);
    const { name, record, card, vault } = finish;
    if (this.accounts.has(name)) throw new FastChatError("nameTaken", "The name is taken.");
    // As the balancer does it, the id is computed from the card's identity key.
    const key = fromBase64Url(card.identityKey) as Uint8Array;
    const hash = createHash("sha256").update("fastchat account id v1\0").update(key).digest();
    const id = readId16<AccountId>(hash);
    this.addAccount(name, id, card, vault, record);
    return this.signIn(id);
  }

  #startLogin({ name }: LoginStart): unknown {
    const login = toBase64Url(this.#bytes(16));
    this.#logins.set(login, name);
    const record = this.accounts.get(name)?.record ?? toBase64Url(utf8("nobody"));
    return { login, response: record, stretching: this.stretching };
  }

  #finishLogin({ login }: LoginFinish): unknown {
    const account = this.accounts.get(this.#logins.get(login) as UserName);
    if (account === undefined) throw new FastChatError("loginFailed", "Name or password is wrong.");
    return { session: this.signIn(account.id), card: account.card, vault: account.vault };
  }

  #accept(channel: MemoryEnd): void {
    let session: ServerSession | null = null;
    channel.handle({
      onFrame: (content) => {
        if (frameKind(content) !== Kind.control) {
          if (session !== null) this.#onHot(session, content);
          return;
        }
        const message = clientMessages.decode(content);
        if (message.type === "hello") session = this.#open(channel, message.ticket, message.attach);
        else if (message.type === "attach" && session !== null) this.#attach(session);
        else if (message.type === "ping" && !this.deaf) {
          channel.send(serverMessages.encode({ type: "pong", ref: message.ref }));
        } else if (session !== null && "ref" in message && message.type.startsWith("group")) {
          void this.#answerAbout(session, message as GroupRequest);
        }
      },
      onDrain: () => undefined,
      onClose: () => {
        if (session !== null) this.sessions.delete(session);
      },
    });
  }

  #open(channel: MemoryEnd, ticket: Uint8Array, attach: boolean): ServerSession | null {
    this.hellos.push(attach);
    const text = toBase64Url(ticket);
    const claims = this.#tickets.get(text);
    this.#tickets.delete(text);
    const say = (message: ServerMessage): void => void channel.send(serverMessages.encode(message));
    if (claims === undefined) {
      say({ type: "closing", code: "badTicket", message: "The ticket is not good." });
      channel.close();
      return null;
    }
    const session: ServerSession = {
      account: claims.account,
      channel,
      attached: false,
      say,
      deliver: (frame) => void channel.send(encodeSend(Kind.deliver, frame)),
    };
    this.sessions.add(session);
    const server = parseServerId("chat-1") as ServerId;
    say({ type: "welcome", server, session: this.#next(), ...this.welcome });
    if (attach) this.#attach(session);
    return session;
  }

  #attach(session: ServerSession): void {
    session.attached = true;
    for (const frame of this.mailbox(session.account)) session.deliver(frame);
    session.say({ type: "live" });
  }

  #onHot(session: ServerSession, content: Uint8Array): void {
    if (frameKind(content) === Kind.ack) {
      const { message, account, ...rest } = decodeHeader(content);
      this.acks.push({ message, account, ...rest });
      const box = this.mailbox(session.account);
      const at = box.findIndex((frame) => frame.message === message && frame.account === account);
      if (at >= 0) box.splice(at, 1);
      return;
    }
    const frame = decodeSend(new Uint8Array(content));
    this.sends.push(frame);
    if (this.onSend(session, frame)) return;
    const refusal = this.#refusalOf(session, frame);
    if (refusal === null) this.take(session, frame);
    else this.answer(session, frame, refusal);
  }

  /** As chat servers hold a message to its group's membership. */
  #refusalOf({ account }: ServerSession, { epoch, conversation, keys }: SendFrame): Outcome | null {
    if (epoch === 0) return null;
    const group = this.registry.current(conversation);
    if (group?.members.has(account) !== true) return Outcome.notMember;
    if (group.epoch !== epoch) return Outcome.staleEpoch;
    return keys.every(({ recipient }) => group.members.has(recipient)) ? null : Outcome.notMember;
  }

  async #answerAbout(session: ServerSession, request: GroupRequest): Promise<void> {
    const { ref } = request;
    const instead = this.onGroupRequest(session.account, request);
    if (instead !== null) {
      session.say({ ...instead, ref });
      return;
    }
    try {
      session.say(await this.#groupAnswer(session.account, request));
    } catch (error) {
      const { code, message } = error as FastChatError;
      session.say({ type: "refused", ref, code, message });
    }
  }

  async #groupAnswer(account: AccountId, request: GroupRequest): Promise<ServerMessage> {
    const { ref } = request;
    switch (request.type) {
      case "groupLog":
        return {
          type: "groupEvents",
          ref,
          ...(await this.registry.events(account, request.group, request.after)),
        };
      case "groupAppend":
        await this.registry.append(request.group, account, request.event);
        return { type: "groupAppended", ref };
      case "groupHeads": {
        const epochs: number[] = [];
        for (const group of request.groups) epochs.push(await this.registry.epoch(account, group));
        return { type: "groupEpochs", ref, epochs };
      }
    }
  }

  /** Puts a message into its recipient's mailbox and answers `accepted`. */
  take(session: ServerSession, frame: SendFrame): void {
    for (const { recipient, key } of frame.keys) {
      const single = { ...frame, keys: [{ recipient, key }] };
      const box = this.mailbox(recipient);
      if (!box.some(({ message, account }) => message === frame.message && account === frame.account)) {
        box.push(single);
        for (const other of this.sessions) {
          if (other.attached && other.account === recipient) other.deliver(single);
        }
      }
    }
    this.answer(session, frame, Outcome.stored);
  }

  answer({ channel }: ServerSession, frame: SendFrame, outcome: Outcome): void {
    const recipients = frame.keys.map(({ recipient }) => ({ recipient, outcome }));
    channel.send(encodeOutcomes(encodeSend(Kind.send, frame), recipients));
  }

  #bytes(length: number): Uint8Array {
    return createHash("sha512").update(`service ${this.#next()}`).digest().subarray(0, length);
  }

  #next(): number {
    this.#serial += 1;
    return this.#serial;
  }
}

/** The next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

export function textOfBase64Url(text: string): string {
  return fromUtf8(fromBase64Url(text) as Uint8Array);
}
