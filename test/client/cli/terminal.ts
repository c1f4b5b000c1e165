/** A terminal in the test's own process, for what people are asked. */
import { PassThrough } from "node:stream";
import type { PromptSource } from "../../../src/client/cli/prompt.js";

/** A terminal at which `lines` are typed, each once it is asked for. */
export function terminal(...lines: string[]): { source: PromptSource; shown: () => string } {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const stderr = new PassThrough();
  let shown = "";
  stderr.on("data", (chunk: Buffer) => {
    shown += chunk.toString();
    if (chunk.toString().includes(":") && lines.length > 0)
      setImmediate(() => stdin.write(`${lines.shift()}\r`));
  });
  const source = { env: {}, stdin, stderr } as unknown as PromptSource;
  return { source, shown: () => shown };
}

/** Where nobody can be asked. */
export function noTerminal(): PromptSource {
  return { env: {}, stdin: new PassThrough(), stderr: new PassThrough() } as unknown as PromptSource;
}
