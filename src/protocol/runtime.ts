/**
 * What the state machines need of the world: time, chance and channels. They get these through interfaces, so that
 * the same code serves real sockets and runs whole in simulated time.
 */

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `callback` once, `ms` milliseconds from now, unless the timer is cancelled before. */
  after(ms: number, callback: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

export interface Random {
  /** So many random bytes, fit for keys. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
}

/** A stream of frames to one peer, in order and whole, or closed. Frames are contents without their length field. */
export interface FrameChannel {
  /**
   * Queues a frame; frames of one tick leave in one write. The bytes are copied before `send` returns.
   *
   * @returns false once more is queued than the channel's limit; `onDrain` tells when it is below again. A frame that
   * finds the queue at twice its limit closes the channel: its peer does not read, or its sender does not listen.
   */
  send(content: Uint8Array): boolean;
  /** Bytes that were sent here and are not yet with the operating system. */
  readonly queuedBytes: number;
  /** Whether {@link send} last answered false and `onDrain` has not been called since. */
  readonly congested: boolean;
  /**
   * The peer has shown who it is: its frames may have their full size from now on. Before, where a listener says so, they
   * may not: what a stranger has begun to send is kept until it is whole.
   */
  admit(): void;
  /** Stops reading; what the peer sends waits with the operating system, and then with the peer. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. Harmless on a closed channel. */
  close(): void;
  /** Closes at once. */
  destroy(): void;
}

export interface FrameHandlers {
  /** `content` is a view on a larger buffer: whoever keeps it for long copies it. */
  onFrame(content: Uint8Array): void;
  onDrain(): void;
  /** Called exactly once, whichever side closed; `error` where it was not an orderly end. */
  onClose(error?: Error): void;
}

/** Structured log of a thread: never given a secret or a plaintext. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A lock between processes, while one holds it. */
export interface HeldLock {
  /** Whether somebody else waits for it. */
  readonly wanted: boolean;
}
