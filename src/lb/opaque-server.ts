/**
 * The service's side of OPAQUE (RFC 9807). Names are folded; a record is bound to its name. Messages, records and
 * states are opaque strings.
 */
import type { UserName } from "../protocol/ids.js";

export interface OpaqueServer {
  /**
   * A record whose password nobody knows. A name that nobody has is answered by it: the answer takes the same steps
   * and time as for an account, and fails like a wrong password (RFC 9807, section 6.3.2.2).
   */
  readonly decoy: string;
  /**
   * The same answer for the same request, whether or not the name is taken.
   *
   * @throws FastChatError `badRequest` for a request that is none, `unavailable` where too much waits already
   */
  register(name: UserName, request: string): Promise<string>;
  /** Whether a login can be started with this record. @throws FastChatError `unavailable` */
  isRecord(name: UserName, record: string): Promise<boolean>;
  /**
   * @returns the state for the next step, which is secret, and the answer
   * @throws FastChatError `badRequest`, `unavailable`
   */
  startLogin(
    name: UserName,
    record: string,
    request: string,
  ): Promise<{ readonly state: string; readonly response: string }>;
  /** Whether the client proved to know the password. @throws FastChatError `unavailable` */
  finishLogin(name: UserName, state: string, request: string): Promise<boolean>;
  close(): Promise<void>;
}
