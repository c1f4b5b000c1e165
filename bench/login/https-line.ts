/** The lightest HTTPS client there can be: one kept connection that asks for one thing at a time. */
import { once } from "node:events";
import { connect, createSecureContext, type TLSSocket } from "node:tls";
import type { ServiceAddress } from "../../src/protocol/address.js";

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** One for all, as the real client has it: a context of one's own costs more than the handshake. */
const secureContext = createSecureContext({ minVersion: "TLSv1.3" });

const HEAD_END = "\r\n\r\n";

export class HttpsLine {
  #received: Buffer = Buffer.alloc(0);
  #waiting: { readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void } | null =
    null;

  private constructor(
    private readonly socket: TLSSocket,
    private readonly host: string,
  ) {
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error: Error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the balancer closed a connection")));
  }

  /** To a balancer of this machine, whose certificate is not looked at. */
  static async open({ host, port }: ServiceAddress): Promise<HttpsLine> {
    const socket = connect({ host, port, secureContext, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    return new HttpsLine(socket, `${host}:${port}`);
  }

  /** @throws Error where the connection ends before the answer is whole */
  ask(method: "GET" | "POST", path: string, body: object | null, token?: string): Promise<Answer> {
    const text = body === null ? "" : JSON.stringify(body);
    const head = [
      `${method} ${path} HTTP/1.1`,
      `host: ${this.host}`,
      ...(body === null ? [] : ["content-type: application/json"]),
      ...(method === "GET" ? [] : [`content-length: ${Buffer.byteLength(text)}`]),
      ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
    ].join("\r\n");
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.socket.write(head + HEAD_END + text);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#received.subarray(0, headEnd).toString("latin1");
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1]);
    const end = headEnd + HEAD_END.length + length;
    // An answer without a length would never be whole.
    if (Number.isNaN(length)) return this.#fail(new Error(`the balancer's answer has no length: ${head}`));
    if (this.#received.length < end) return;
    const text = this.#received.subarray(headEnd + HEAD_END.length, end).toString();
    this.#received = this.#received.subarray(end);
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve({ status: Number(head.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length)), text });
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = null;
  }
}
