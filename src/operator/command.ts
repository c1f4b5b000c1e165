/** What every operator's command needs: the running system, and where to print. */
import { reportFailure } from "../client/cli/failure.js";
import { catchInterrupts, type Interrupts } from "../client/cli/interrupt.js";
import { Output } from "../client/cli/output.js";
import { openOperator, type Operator } from "./connection.js";

export const PROGRAM = "fastchat-system";

/** Options that all commands take. */
export interface OperatorArguments {
  readonly data: string;
  readonly server?: string | undefined;
  readonly json: boolean;
}

export interface OperatorContext {
  /** Asks the running system; closed when the command ends. @throws FastChatError `badConfig` where none runs */
  readonly operator: () => Promise<Operator>;
  readonly output: Output;
  readonly interrupts: Interrupts;
}

/** Runs a command to its end and sets the process's exit code. */
export async function runOperatorCommand(
  options: OperatorArguments,
  command: (context: OperatorContext) => Promise<void>,
): Promise<void> {
  const output = new Output(process, options.json, process.env, PROGRAM);
  const interrupts = catchInterrupts();
  let operator: Promise<Operator> | null = null;
  try {
    await command({ operator: () => (operator ??= openOperator(options)), output, interrupts });
  } catch (error) {
    process.exitCode = reportFailure(error, output, Boolean(process.env["FASTCHAT_DEBUG"]));
  } finally {
    interrupts.release();
    (await (operator as Promise<Operator> | null)?.catch(() => null))?.close();
  }
}
