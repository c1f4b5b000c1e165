/** All that the balancer answers, one file each: the table of contents. */
import type { App } from "./app.js";
import type { BalancerContext } from "./context.js";
import type { RateLimits } from "./rate-limits.js";
import { archiveAddress } from "./routes/archive-address.js";
import { cards } from "./routes/cards.js";
import { cardOf } from "./routes/card-of.js";
import { checkpoint } from "./routes/checkpoint.js";
import { devices } from "./routes/devices.js";
import { fileVoucher } from "./routes/file-voucher.js";
import { loginFinish } from "./routes/login-finish.js";
import { loginStart } from "./routes/login-start.js";
import { logout } from "./routes/logout.js";
import { place } from "./routes/place.js";
import { registerFinish } from "./routes/register-finish.js";
import { registerStart } from "./routes/register-start.js";
import { service } from "./routes/service.js";
import { vault } from "./routes/vault.js";
import { voucher } from "./routes/voucher.js";

export function addRoutes(app: App, context: BalancerContext, rates: RateLimits): void {
  service(app, context);

  registerStart(app, context, rates);
  registerFinish(app, context, rates);
  loginStart(app, context, rates);
  loginFinish(app, context, rates);

  logout(app, context);
  place(app, context);
  archiveAddress(app, context);
  voucher(app, context);
  fileVoucher(app, context);
  vault(app, context);
  checkpoint(app, context);
  devices(app, context);
  cards(app, context);
  cardOf(app, context);
}
