/** Streams that keep what is written to them. */
import { PassThrough } from "node:stream";
import { Output, type Streams } from "../../../src/client/cli/output.js";

export interface Collected {
  readonly output: Output;
  readonly streams: Streams;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

export function collected(json = false): Collected {
  const texts = { stdout: "", stderr: "" };
  const make = (name: keyof typeof texts): PassThrough => {
    const stream = new PassThrough();
    stream.on("data", (chunk: Buffer) => (texts[name] += chunk.toString()));
    return stream;
  };
  const streams = { stdout: make("stdout"), stderr: make("stderr") };
  return {
    output: new Output(streams, json, { NO_COLOR: "1" }),
    streams,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
  };
}
