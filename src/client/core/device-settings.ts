/** What is set on this device and not for the account: where the history begins that it shows, and whether it tells of reading. */
import { rememberHidesReading, rememberHistoryAfter, type AccountRecord } from "./account-file.js";
import type { DeviceFiles } from "./device-files.js";

export class DeviceSettings {
  #historyAfter: number;
  #hidesReading: boolean;

  constructor(
    private readonly files: DeviceFiles,
    private readonly record: AccountRecord,
  ) {
    this.#historyAfter = record.historyAfter ?? 0;
    this.#hidesReading = record.hidesReading ?? false;
  }

  /** Only entries of the archive with a higher counter are shown here. */
  get historyAfter(): number {
    return this.#historyAfter;
  }

  /** Whether authors are not told from here that their messages were read. */
  get hidesReading(): boolean {
    return this.#hidesReading;
  }

  /** @param counter 0 to show all of it */
  async showHistoryAfter(counter: number): Promise<void> {
    await rememberHistoryAfter(this.files, this.record, counter);
    this.#historyAfter = counter;
  }

  async hideReading(hides: boolean): Promise<void> {
    await rememberHidesReading(this.files, this.record, hides);
    this.#hidesReading = hides;
  }
}
