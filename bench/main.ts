#!/usr/bin/env node
/** The laboratory: `npm run bench -- COMMAND`. One file a command. */
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { archiveCommand } from "./archive.js";
import { faultsCommand } from "./faults.js";
import { groupsCommand } from "./groups.js";
import { loadCommand } from "./load.js";
import { loginCommand } from "./login.js";
import { pendingCommand } from "./pending.js";
import { recoveryCommand } from "./recovery.js";
import { relayCommand } from "./relay.js";
import { restartCommand } from "./restart.js";
import { simulateCommand } from "./simulate.js";
import { slowReaderCommand } from "./slow-reader.js";

await yargs(hideBin(process.argv))
  .scriptName("npm run bench --")
  .usage(
    "$0 <command> [options]\n\nMeasures FastChat on this machine. Everything listens and sends on loopback only.",
  )
  .command(loadCommand)
  .command(relayCommand)
  .command(loginCommand)
  .command(pendingCommand)
  .command(recoveryCommand)
  .command(restartCommand)
  .command(groupsCommand)
  .command(slowReaderCommand)
  .command(archiveCommand)
  .command(faultsCommand)
  .command(simulateCommand)
  .demandCommand(1, "Name a command; --help lists them.")
  .strict()
  .help()
  .version(false)
  .parseAsync();
