/** What every operator's command needs: the running system, and where to print. */
import { reportFailure } from "../client/cli/failure.js";
import { catchInterrupts, type Interrupts } from "../client/cli/interrupt.js";
import { Output } from "../client/cli/output.js";
import { openOperator, type Operator } from "./connection.js";

export const PROGRAM = "fastchat-system";

/** Options that all commands take. */
export interface OperatorArguments {
  /** The data folder; see {@link dataFolder} for where none is named. */
  readonly data?: string | undefined;
  readonly server?: string | undefined;
  readonly json: boolean;
}

export interface OperatorContext {
  /** Asks the running system; closed when the command ends. @throws FastChatError `badConfig` where none runs */
  readonly operator: () => Promise<Operator>;
  readonly output: Output;
  readonly interrupts: Interrupts;
}

/** The data folder of the running system. Settings are not read for it: a command may come from anywhere. */
export function dataFolder(
  { data }: Pick<OperatorArguments, "data">,
  env: Readonly<Record<string, string | undefined>>,
): string {
  if (data !== undefined) return data;
  const named = env["FASTCHAT_DATA"];
  return named === undefined || named === "" ? "./data" : named;
}

/** Runs a command to its end and sets the process's exit code. */
export async function runOperatorCommand(
  options: OperatorArguments,
  command: (context: OperatorContext) => Promise<void>,
): Promise<void> {
  const output = new Output(process, options.json, process.env, PROGRAM);
  const interrupts = catchInterrupts();
  let operator: Promise<Operator> | null = null;
  const open = (): Promise<Operator> =>
    openOperator({ data: dataFolder(options, process.env), server: options.server });
  try {
    await command({ operator: () => (operator ??= open()), output, interrupts });
  } catch (error) {
    process.exitCode = reportFailure(error, output, Boolean(process.env["FASTCHAT_DEBUG"]));
  } finally {
    interrupts.release();
    (await (operator as Promise<Operator> | null)?.catch(() => null))?.close();
  }
}
