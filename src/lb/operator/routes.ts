/** All that operators may ask, one file each: the table of contents. The token is asked for in front of all of it. */
import type { Server } from "node:https";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyBaseLogger, FastifyPluginAsync } from "fastify";
import type { App } from "../app.js";
import { operatorGuard } from "./guard.js";
import type { OperatorContext } from "./context.js";
import { invites } from "./routes/invites.js";
import { logOrders } from "./order-log.js";
import { drain } from "./routes/drain.js";
import { load } from "./routes/load.js";
import { metricsText } from "./routes/metrics.js";
import { rebalance } from "./routes/rebalance.js";
import { resume } from "./routes/resume.js";
import { scale } from "./routes/scale.js";
import { status } from "./routes/status.js";
import { suspend } from "./routes/suspend.js";
import { users } from "./routes/users.js";

export async function addOperatorRoutes(app: App, context: OperatorContext): Promise<void> {
  const plugin: FastifyPluginAsync<object, Server, TypeBoxTypeProvider, FastifyBaseLogger> = async (
    operators,
  ) => {
    // In front of the guard: whoever guesses at the token is counted as well.
    operators.addHook("onRequest", operators.rateLimit());
    operators.addHook("onRequest", operatorGuard(context.operatorTokenHash));
    operators.addHook("onResponse", logOrders(context.log));
    status(operators, context);
    load(operators, context);
    metricsText(operators, context);
    drain(operators, context);
    resume(operators, context);
    scale(operators, context);
    users(operators, context.people);
    suspend(operators, context.people);
    invites(operators, context.people);
    rebalance(operators, context);
  };
  await app.register(plugin);
}
