/** `fastchat save NAME [ID]` */
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { CommandModule } from "yargs";
import type { SentFile } from "../../core/messages.js";
import { safeFileName } from "../file-name.js";
import { unlessAborted } from "../interrupt.js";
import { requireMessageId } from "../message-id.js";
import { requirePeer } from "../name.js";
import { printableJson, printableLine } from "../printable.js";
import { Progress } from "../progress.js";
import { runCommand, withClient, type GlobalOptions } from "../session.js";
import { WholeFile } from "../../../node/whole-file.js";

interface SaveOptions extends GlobalOptions {
  readonly name: string;
  readonly id: string | undefined;
  readonly to: string | undefined;
  readonly force: boolean;
}

const MIB = 1024 * 1024;

export const saveCommand: CommandModule<GlobalOptions, SaveOptions> = {
  command: "save <name> [id]",
  describe: "Save a file that came with a message, or that you sent",
  builder: (yargs) =>
    yargs
      .positional("name", {
        type: "string",
        demandOption: true,
        describe: "Whose conversation with you; '#TITLE' for a group's",
      })
      .positional("id", {
        type: "string",
        describe: "The message, as history --ids shows it; the newest with a file if left out",
      })
      .option("to", {
        type: "string",
        requiresArg: true,
        describe: "Where to: a file, or a folder that is there (default: its own name, here)",
      })
      .option("force", { type: "boolean", default: false, describe: "Replace a file that is there" })
      .example("$0 save bob", "the newest file of the conversation with Bob")
      .epilogue("With --json: path, name (as its sender calls it), bytes."),
  handler: (argv) =>
    runCommand(argv, async (context) => {
      const { output, interrupts } = context;
      const name = requirePeer(argv.name);
      const id = argv.id === undefined ? null : requireMessageId(argv.id);
      await withClient(context, async (client) => {
        let target: { readonly file: WholeFile; readonly sent: SentFile } | null = null;
        const fetching = client.fetchFile(name, id, async (sent) => {
          const file = await WholeFile.create(await pathFor(argv.to, sent), argv.force);
          target = { file, sent };
          const progress = new Progress(output, `of ${Math.ceil(sent.bytes / MIB)} MiB`);
          let bytes = 0;
          return async (chunk) => {
            await file.append(chunk);
            bytes += chunk.length;
            progress.at(Math.floor(bytes / MIB));
          };
        });
        // Set by the call above, which the compiler does not see.
        const made = (): typeof target => target;
        try {
          await unlessAborted(fetching, interrupts.signal);
          await made()?.file.finish();
        } catch (error) {
          await made()?.file.abandon();
          throw error;
        }
        const { file, sent } = made() ?? {};
        if (file === undefined || sent === undefined) return;
        if (output.json)
          await output.line(printableJson({ path: file.path, name: sent.name, bytes: sent.bytes }));
        else await output.line(`Saved ${printableLine(file.path)} (${sent.bytes} bytes).`);
      });
    }),
};

async function pathFor(to: string | undefined, { name }: SentFile): Promise<string> {
  if (to === undefined) return resolve(safeFileName(name));
  const isFolder = await stat(to).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isFolder ? join(resolve(to), safeFileName(name)) : resolve(to);
}
