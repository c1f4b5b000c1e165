/**
 * Prepared statements of one connection. All connections share the engine's one session, in which statement names are
 * global: each connection's names are exchanged for names that nobody else has.
 *
 * Names are exchanged and not just prefixed, since PostgreSQL cuts them off at 63 bytes: two long ones could become one.
 * Portals keep theirs: a portal ends with its transaction, and during a transaction the session belongs to one
 * connection; so `FETCH` and `CLOSE` of a named portal work.
 */
import { FastChatError } from "../../protocol/errors.js";

/** A client prepares what its program has, so many is a client that makes names up and never closes them. */
const MAX_STATEMENTS = 4096;

export class StatementNames {
  readonly #names = new Map<string, string>();
  readonly #closing = new Set<string>();
  #made = 0;

  /** @param connection tells the connections of one engine apart */
  constructor(private readonly connection: number) {}

  /**
   * The engine's name for a statement that the client prepares now.
   *
   * @throws FastChatError `tooMany`
   */
  define(name: string): string {
    const known = this.#names.get(name);
    // A second Parse of a name is an error unless it was closed; the engine finds that out.
    if (known !== undefined) return known;
    if (this.#names.size + this.#closing.size >= MAX_STATEMENTS) {
      throw new FastChatError("tooMany", `A connection can hold ${MAX_STATEMENTS} prepared statements.`);
    }
    const made = `${this.connection}.${this.#made++}`;
    this.#names.set(name, made);
    return made;
  }

  /** The engine's name for a statement the client refers to; one that no statement has if the client has none such. */
  find(name: string): string {
    return this.#names.get(name) ?? `${this.connection}.unknown ${name}`.slice(0, 60);
  }

  /**
   * The client closes a statement: the name is free again.
   *
   * @returns the engine's name, which is remembered until {@link forget}: an error may keep the engine from closing it
   */
  close(name: string): string {
    const closed = this.find(name);
    if (this.#names.delete(name)) this.#closing.add(closed);
    return closed;
  }

  /** The engine has closed these, by its names. */
  forget(closed: readonly string[]): void {
    for (const name of closed) this.#closing.delete(name);
  }

  /** The engine's names of all that may still be prepared. */
  all(): string[] {
    return [...this.#names.values(), ...this.#closing];
  }
}
