/** `fastchat-system restore FILE` */
import { basename, resolve } from "node:path";
import type { CommandModule } from "yargs";
import { askBackupPassword } from "../../client/cli/password.js";
import { printableJson, printableLine } from "../../client/cli/printable.js";
import { Progress } from "../../client/cli/progress.js";
import { createLog } from "../../node/log.js";
import { runOperatorCommand, type OperatorArguments } from "../command.js";
import { storageConfig, storageOptions, type StorageArguments } from "../storage.js";

interface RestoreArguments extends StorageArguments {
  readonly file: string;
}

export const restoreCommand: CommandModule<OperatorArguments, RestoreArguments> = {
  command: "restore <file>",
  describe:
    "Restore a backup into an empty data folder and, where they are named, empty PostgreSQL databases",
  builder: (yargs) =>
    storageOptions(yargs)
      .positional("file", { type: "string", demandOption: true, describe: "The backup" })
      .example("$0 restore monday --data /srv/new", "into embedded databases")
      .epilogue(
        "Nothing runs meanwhile, and nothing is overwritten. A backup of embedded databases can be restored into " +
          "PostgreSQL and the other way round. The password of a sealed one is asked for, or taken from " +
          "FASTCHAT_BACKUP_PASSWORD. Start the system afterwards with the same --data and databases.",
      ),
  handler: (argv) =>
    runOperatorCommand(argv, async ({ output, interrupts }) => {
      const file = resolve(argv.file);
      const config = storageConfig(argv, process.env);
      const { restoreBackup } = await import("../../backup/restore.js");
      const progress = new Progress(output, "rows written");
      const report = await restoreBackup({
        config,
        file,
        password: () => askBackupPassword(basename(file), process),
        log: createLog({ level: "error" }, {}, (line) => process.stderr.write(line)),
        onRows: (count) => progress.at(count),
        signal: interrupts.signal,
      });
      for (const table of report.skipped) {
        output.note(`table ${printableLine(table)} is none of FastChat's, and was left out`);
      }
      if (output.json) return output.line(printableJson({ ...report, dataDir: config.dataDir }));
      const what = `${report.rows} rows as of ${printableLine(report.madeAt)}, made by release ${printableLine(report.release)}`;
      await output.line(`${printableLine(config.dataDir)}: ${what}.`);
    }),
};
