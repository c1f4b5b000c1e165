import fc from "fast-check";
import t from "tap";
import { homeOf } from "../../../src/protocol/view.js";
import { bound, boundedConsistentHash } from "../../../src/lb/strategies/bounded-consistent-hash.js";
import { incarnation, load, placeAll, requests, someServers } from "../loads.js";

t.test("no placement takes a server over the bound", (t) => {
  fc.assert(
    fc.property(someServers, requests, (servers, request) => {
      const chosen = servers.find((server) => server.id === boundedConsistentHash(servers, request));
      if (chosen === undefined) return false;
      const total = servers.reduce((sum, server) => sum + server.connections + server.placed, 0);
      return chosen.connections + chosen.placed + 1 <= bound(total + 1, servers.length);
    }),
  );
  t.pass("for any load before");
  t.end();
});

t.test("servers filled from empty are never over the bound, even by one account alone", (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 200 }),
      requests,
      (count, placements, request) => {
        const empty = Array.from({ length: count }, (_, index) => load(`chat-${index + 1}`));
        const filled = placeAll(
          boundedConsistentHash,
          empty,
          Array<typeof request>(placements).fill(request),
        );
        return filled.every((server) => server.placed <= bound(placements, count));
      },
    ),
  );
  t.pass("the rest of its order takes what the first cannot");
  t.end();
});

t.test("an account goes to its home while there is room", (t) => {
  fc.assert(
    fc.property(requests, (request) => {
      const servers = ["chat-1", "chat-2", "chat-3"].map((id) => load(id, { connections: 50 }));
      const members = servers.map(({ id }) => ({ id, incarnation: incarnation() }));
      return boundedConsistentHash(servers, request) === homeOf({ number: 1, members }, request.account)?.id;
    }),
  );
  t.pass("deliveries then save a hop");
  t.end();
});

t.test("a server that goes moves only the accounts that were on it", (t) => {
  fc.assert(
    fc.property(requests, (request) => {
      const servers = ["chat-1", "chat-2", "chat-3", "chat-4"].map((id) => load(id, { connections: 50 }));
      const before = boundedConsistentHash(servers, request);
      const gone = servers.find((server) => server.id !== before);
      const after = boundedConsistentHash(
        servers.filter((server) => server !== gone),
        request,
      );
      return after === before;
    }),
  );
  t.pass("the hash is consistent");
  t.end();
});
