/** What a test looks at when all is over: who has which messages. */
import type { Client } from "../../../src/client/core/client.js";
import { inTime, listenTo, resume, type Process } from "./device.js";
import type { Service } from "./service.js";

/** Files of the outbox. */
export const outboxOf = ({ storage }: Process): string[] =>
  [...storage.files.keys()].filter((name) => name.startsWith("outbox-"));
const texts = (entries: readonly { readonly text: string }[]): string[] => entries.map(({ text }) => text);

/** Everything that somebody finds in the history with somebody else, oldest first. */
export async function historyOf(service: Service, client: Client): Promise<string[]> {
  return texts((await inTime(service, client.history({ limit: 500 }))) ?? []);
}

/** What bob has, once he has taken all that waits for him. */
export async function bobsMail(
  service: Service,
  process: Process,
): Promise<{ readonly texts: string[]; readonly numbers: number[] }> {
  const bob = await resume(process);
  const { got } = await listenTo(bob);
  await inTime(service, () => [...service.mailboxes.values()].every((box) => box.length === 0));
  const archived = await historyOf(service, bob);
  await inTime(service, bob.close());
  return { texts: archived, numbers: got.map(({ number }) => number) };
}
