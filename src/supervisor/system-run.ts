/** One run of the whole system: its data folder, its secrets, its threads, and what is left of them afterwards. */
import { addedPortBase } from "../config-rules.js";
import type { Config } from "../config.js";
import { monotonicClock, systemClock, systemRandom } from "../node/clock.js";
import { createLog } from "../node/log.js";
import { formatAddress } from "../protocol/address.js";
import type { ErrorRecord } from "../protocol/errors.js";
import { StatementCount } from "../protocol/statement-count.js";
import type { Listening, LoadReport } from "../protocol/threads.js";
import { openDataFolder, type DataFolder } from "./data-folder.js";
import { migrateDatabases, placeDatabases } from "./databases.js";
import { checkPorts } from "./ports-check.js";
import type { Screen } from "./screen.js";
import { loadSecrets } from "./secrets.js";
import { Shell } from "./shell.js";
import { initialState, type State } from "./state.js";
import { rowsOf } from "./table.js";
import { entryOf, threadData, threadPlans } from "./thread-data.js";
import { startWorker } from "./worker.js";

export class SystemRun {
  #shell: Shell | null = null;
  #folder: DataFolder | null = null;
  #stopping = false;

  constructor(
    private readonly config: Config,
    private readonly screen: Screen,
  ) {}

  /**
   * Runs the system to its end.
   *
   * @returns `null` where it stopped because it was asked to, else the reason
   * @throws FastChatError for what is wrong before any thread is started
   */
  async run(): Promise<ErrorRecord | null> {
    const folder = await openDataFolder(this.config.dataDir);
    this.#folder = folder;
    try {
      return await this.#runIn(folder);
    } finally {
      folder.removeAddress();
      await folder.release();
    }
  }

  /** Asks the system to stop, in order. */
  stop(): void {
    this.#stopping = true;
    this.#shell?.stop();
  }

  /** Before the process ends without having stopped: nobody shall wait for an address at which nobody answers. */
  abandon(): void {
    this.#folder?.removeAddress();
  }

  async #runIn(folder: DataFolder): Promise<ErrorRecord | null> {
    const { config, screen } = this;
    await checkPorts(config);
    const log = createLog(config.log, { thread: "supervisor" }, (line) => screen.logLine(line.trimEnd()));
    const secrets = await loadSecrets(folder.path, config, folder.first, systemClock.now(), (file) =>
      log.warn({ file }, "others could read this file; they cannot any more"),
    );
    const databases = await placeDatabases(config, folder.path);
    const plans = threadPlans(config);
    const reports = new Map<string, LoadReport>();
    let state: Readonly<State> = initialState(plans, config.timeouts);

    const shell = new Shell({
      plans,
      portBase: addedPortBase(config),
      timeouts: config.timeouts,
      clock: monotonicClock,
      random: systemRandom,
      log,
      spawn: (plan, port, incarnation, handlers) => {
        const data = threadData(plan, port, incarnation, config, secrets, databases);
        const worker = startWorker(entryOf(plan), plan.id, data, handlers, (line) => screen.logLine(line));
        return "statements" in data ? { ...worker, statements: new StatementCount(data.statements) } : worker;
      },
      migrate: () => migrateDatabases(databases, config.timeouts.databaseMs, log),
      announce: async ({ port }: Listening) => {
        await folder.markComplete();
        const { pin } = secrets.certificate;
        const address = formatAddress({ host: config.publicHost ?? config.host, port, pin });
        await folder.writeAddress(address);
        if (config.log.format === "json") log.info({ address }, "everything is ready");
        else screen.notice(welcome(address, config, screen));
      },
      onReport: (thread, report) => void reports.set(thread, report),
      onState: (next) => {
        state = next;
        screen.showTable(() => rowsOf(state, reports, monotonicClock.now()));
      },
    });
    // Whoever asked while the folder was being opened need not ask again.
    if (this.#stopping) return null;
    this.#shell = shell;
    return shell.run();
  }
}

function welcome(address: string, { registration, dataDir }: Config, { chalk }: Screen): string {
  // Where not everybody may come, what to do first is to let somebody in.
  const first = {
    open: `in another terminal:  npm run -s client -- register NAME --server '${address}'`,
    invite: `to invite somebody:   node dist/src/system.js invite --data '${dataDir}'`,
    closed: `in another terminal:  npm run -s client -- login NAME --server '${address}'`,
  }[registration];
  return [
    "",
    `${chalk.green.bold("FastChat is ready")} at ${chalk.bold(address)}`,
    chalk.dim(`  ${first}`),
    chalk.dim("  to stop:              Ctrl-C"),
    "",
  ].join("\n");
}
