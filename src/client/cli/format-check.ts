/** What people are told of an archive that is not what it was. */
import type { ArchiveAlarm } from "../core/messages.js";

export function alarmText(alarm: ArchiveAlarm): string {
  switch (alarm.kind) {
    case "cut":
      return (
        `Your archive ends at entry ${alarm.counter}, and your devices have seen it up to ${alarm.seen}: ` +
        `${alarm.seen - alarm.counter} entries are gone.`
      );
    case "altered":
      return `Your archive is not the one that your devices have seen: its entries up to ${alarm.counter} are others.`;
    case "older":
      return (
        `The ${alarm.kept} shows an older state of your archive (entry ${alarm.counter}) than this device has seen ` +
        `(${alarm.seen}).`
      );
    case "forged":
      return `The ${alarm.kept} shows a state of your archive that none of your devices has sealed.`;
  }
}
