/** `fastchat-system backup FILE` */
import { basename, resolve } from "node:path";
import type { CommandModule } from "yargs";
import { chooseBackupPassword } from "../../client/cli/password.js";
import { printableJson, printableLine } from "../../client/cli/printable.js";
import { Progress } from "../../client/cli/progress.js";
import { createLog } from "../../node/log.js";
import { WholeFile } from "../../node/whole-file.js";
import { runOperatorCommand, type OperatorArguments } from "../command.js";
import { storageConfig, storageOptions, type StorageArguments } from "../storage.js";

interface BackupArguments extends StorageArguments {
  readonly file: string;
  readonly seal: boolean;
  readonly force: boolean;
}

export const backupCommand: CommandModule<OperatorArguments, BackupArguments> = {
  command: "backup <file>",
  describe: "Write everything a restore needs into one file, while the system runs or while it is stopped",
  builder: (yargs) =>
    storageOptions(yargs)
      .positional("file", {
        type: "string",
        demandOption: true,
        describe: "The file; it is written whole or not at all",
      })
      .option("seal", {
        type: "boolean",
        default: false,
        describe: "Seal it under a password, which is asked for or taken from FASTCHAT_BACKUP_PASSWORD",
      })
      .option("force", { type: "boolean", default: false, describe: "Replace a file that is there" })
      .example("$0 backup monday --data /srv/chat --seal", "of embedded databases, sealed")
      .epilogue(
        "The file holds the service's secrets and both databases, with mode 0600: keep it like the data folder. " +
          "With PostgreSQL give the same --database and --archive-database, variables or --config as the system has.",
      ),
  handler: (argv) =>
    runOperatorCommand(argv, async ({ output, interrupts }) => {
      const file = resolve(argv.file);
      const config = storageConfig(argv, process.env);
      // Before anybody is asked.
      if (!argv.force) await WholeFile.refuseIfThere(file);
      const password = argv.seal ? await chooseBackupPassword(basename(file), process) : null;
      const { createBackup } = await import("../../backup/create.js");
      const progress = new Progress(output, "rows read");
      const report = await createBackup({
        config,
        file,
        replace: argv.force,
        password,
        log: createLog({ level: "error" }, {}, (line) => process.stderr.write(line)),
        onRows: (count) => progress.at(count),
        signal: interrupts.signal,
      });
      if (output.json) return output.line(printableJson({ ...report, dataDir: config.dataDir }));
      const { heldMs } = report;
      const waited =
        heldMs === null ? "" : ` Writing to the databases waited ${(heldMs / 1000).toFixed(2)} s.`;
      const what = `${report.rows} rows of ${printableLine(config.dataDir)}, ${report.bytes} bytes${report.sealed ? ", sealed" : ""}`;
      await output.line(`${printableLine(file)}: ${what}.${waited}`);
    }),
};
