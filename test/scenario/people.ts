/** People of a story, each device with a folder of its own and with `fastchat` as its only tool. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Test } from "tap";
import { run, start, type Running } from "../client/cli/run.js";

const ENV = { FASTCHAT_PASSWORD: "correct horse battery", FASTCHAT_LABORATORY: "accept-weak-stretching" };

/** A message as `history --json` and `export` tell it. */
export interface Told {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly text: string;
  readonly direction: string;
  readonly counter: number;
}

export interface People {
  /** Runs a command on a device to its end, which must be a good one. @returns its output */
  readonly as: (device: string, args: readonly string[], input?: string) => Promise<string>;
  /** As {@link as}, with `--json`. @returns its lines */
  readonly json: (device: string, args: readonly string[], input?: string) => Promise<unknown[]>;
  /** Starts a command on a device. */
  readonly begin: (device: string, args: readonly string[]) => Running;
  /** The device's folder. */
  readonly folderOf: (device: string) => string;
}

/** @param folder where the devices' folders are made */
export function peopleIn(t: Test, folder: string): People {
  const folderOf = (device: string): string => join(folder, device);
  const as = async (device: string, args: readonly string[], input?: string): Promise<string> => {
    await mkdir(folderOf(device), { recursive: true });
    const options = { home: folderOf(device), env: ENV };
    const ended = await run(args, input === undefined ? options : { ...options, input });
    t.equal(ended.code, 0, `${args.join(" ")} on ${device}: ${ended.stderr}`);
    return ended.stdout;
  };
  return {
    as,
    json: async (device, args, input) => linesOf(await as(device, [...args, "--json"], input)),
    begin: (device, args) => start(args, { home: folderOf(device), env: ENV }),
    folderOf,
  };
}

/** The objects of an output with one a line. */
export function linesOf(output: string): unknown[] {
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line): unknown => JSON.parse(line));
}
