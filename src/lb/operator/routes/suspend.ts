/** Takes an account out of use, and gives it back. */
import { FastChatError } from "../../../protocol/errors.js";
import { HttpError, NameParam } from "../../../protocol/http.js";
import { Suspension } from "../../../protocol/operator.js";
import type { SuspensionDone } from "../../../store/users.js";
import type { App } from "../../app.js";
import type { AccountsContext } from "../accounts-context.js";
import { OPERATOR } from "../guard.js";
import { noteOrder } from "../order-log.js";

export function suspend(app: App, { users, revoke, clock }: AccountsContext): void {
  const suspending = {
    summary: "Suspend an account: its sessions end at once, and nobody logs in to it",
    security: OPERATOR,
    params: NameParam,
    response: { 200: Suspension, default: HttpError },
  };
  app.post(
    "/v1/operator/users/:name/suspend",
    { schema: suspending },
    async (request): Promise<Suspension> => {
      const { name } = request.params;
      const done = known(await users.suspend(name, clock.now()), name);
      // Also where it was suspended before: whoever asks again may do so because something went wrong then.
      revoke(done.devices, "suspended");
      noteOrder(request, { name, ...told(done) });
      return told(done);
    },
  );

  const lifting = {
    summary: "Lift a suspension: whoever knows the password may log in again",
    security: OPERATOR,
    params: NameParam,
    response: { 200: Suspension, default: HttpError },
  };
  app.post("/v1/operator/users/:name/lift", { schema: lifting }, async (request): Promise<Suspension> => {
    const { name } = request.params;
    const done = known(await users.lift(name), name);
    revoke(done.devices, "notSignedIn");
    noteOrder(request, { name, ...told(done) });
    return told(done);
  });
}

function told({ changed, devices }: SuspensionDone): Suspension {
  return { changed, devices: devices.length };
}

function known(done: SuspensionDone | null, name: string): SuspensionDone {
  if (done === null) throw new FastChatError("noSuchAccount", `Nobody is called "${name}" here.`);
  return done;
}
