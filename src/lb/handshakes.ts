/**
 * The pace of TLS handshakes. Each takes the event loop for about as long as several requests do. When hundreds of people come
 * at the same moment, all of their handshakes would be in one turn of it, and who has a connection already would wait for
 * them all: so a few are begun in each turn, and requests are answered in between.
 */
import type { Server } from "node:https";
import type { Socket } from "node:net";

/** Handshakes that are begun in one turn of the event loop: a few milliseconds of it. */
const PER_TURN = 4;

/** To be called before anybody listens to the server. How many may wait is bounded by its `maxConnections`. */
export function paceHandshakes(server: Server): void {
  // How a TLS server begins handshakes itself; its sockets may be handed to it at any time, with what they have received.
  const begin = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  const waiting = new Set<Socket>();
  const turn = (): void => {
    let begun = 0;
    for (const socket of waiting) {
      waiting.delete(socket);
      for (const listener of begin) listener.call(server, socket);
      if (++begun === PER_TURN) break;
    }
    if (waiting.size > 0) setImmediate(turn);
  };
  server.on("connection", (socket: Socket) => {
    // Who goes away meanwhile needs no handshake, and nobody else hears of the failure yet.
    socket.once("close", () => waiting.delete(socket));
    socket.on("error", () => socket.destroy());
    waiting.add(socket);
    if (waiting.size === 1) setImmediate(turn);
  });
}
