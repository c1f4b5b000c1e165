import fc from "fast-check";
import t from "tap";
import { STRATEGIES } from "../../../src/lb/strategy-choice.js";
import { requests, someServers } from "../loads.js";

for (const [name, strategy] of Object.entries(STRATEGIES)) {
  t.test(`${name} chooses one of the servers on offer, and the same for the same request`, (t) => {
    fc.assert(
      fc.property(someServers, requests, (servers, request) => {
        const chosen = strategy(servers, request);
        return servers.some((server) => server.id === chosen) && strategy(servers, request) === chosen;
      }),
    );
    t.pass("for any load");
    t.end();
  });
}
