import type { IncomingMessage, ServerResponse } from "node:http";
import t from "tap";
import { HttpsClient } from "../../../src/client/node/https.js";
import type { KnownKey } from "../../../src/client/node/pin.js";
import { listenHttps, makeCertificate, trustIn, type TestListener } from "./tls-service.js";

const options = { timeoutMs: 5000, requestMs: 5000, maxReplyBytes: 10_000 };
const certificate = await makeCertificate();
const known: KnownKey = { kind: "pin", pin: certificate.pin };

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

interface Scene {
  readonly client: HttpsClient;
  readonly server: TestListener;
}

async function scene(
  t: { teardown(after: () => unknown): void },
  handler: Handler,
  more: Partial<typeof options> = {},
): Promise<Scene> {
  const server = await listenHttps(certificate, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => handler(request, response, Buffer.concat(chunks).toString()));
  });
  const client = new HttpsClient(trustIn(server.port, { known }).trust, { ...options, ...more });
  t.teardown(async () => {
    client.close();
    await server.close();
  });
  return { client, server };
}

t.test("a request carries its body as JSON and its token, and brings the answer's JSON", async (t) => {
  const { client } = await scene(t, (request, response, body) => {
    response.setHeader("content-type", "application/json");
    const { method, url, headers } = request;
    response.end(
      JSON.stringify({ method, url, type: headers["content-type"], auth: headers.authorization, body }),
    );
  });
  t.same(await client.request("POST", "/v1/place", { größe: "µ" }, "secret-token"), {
    method: "POST",
    url: "/v1/place",
    type: "application/json",
    auth: "Bearer secret-token",
    body: '{"größe":"µ"}',
  });
  t.has(await client.request("GET", "/v1/service"), { method: "GET", body: "" });
});

t.test("requests one after the other use one connection, judged once", async (t) => {
  const { client, server } = await scene(t, (_request, response) => response.end("{}"));
  for (let i = 0; i < 3; i++) await client.request("GET", "/");
  t.equal(server.connections(), 1);
});

t.test("an answer without a body is undefined", async (t) => {
  const { client } = await scene(t, (_request, response) => {
    response.statusCode = 204;
    response.end();
  });
  t.equal(await client.request("DELETE", "/v1/logout"), undefined);
});

t.test("to a server with another key nothing is sent, neither token nor path", async (t) => {
  const other = await makeCertificate();
  const server = await listenHttps(other, (_request, response) => response.end("{}"));
  const client = new HttpsClient(trustIn(server.port, { known }).trust, options);
  t.teardown(async () => {
    client.close();
    await server.close();
  });
  await t.rejects(client.request("POST", "/v1/place", {}, "secret-token"), { code: "pinMismatch" });
  t.equal(server.received().length, 0);
});

t.test(
  "errors keep their code, message and waiting time; what is not ours gets a code by its status",
  async (t) => {
    const answers: [number, string, { code: string; [field: string]: unknown }][] = [
      [
        409,
        '{"code":"nameTaken","message":"alice is taken."}',
        { code: "nameTaken", message: "alice is taken." },
      ],
      [
        429,
        '{"code":"tooMany","message":"Slower.","retryAfterMs":1500}',
        { code: "tooMany", retryAfterMs: 1500 },
      ],
      [
        429,
        '{"code":"tooMany","message":"Slower.","retryAfterMs":"soon"}',
        { code: "tooMany", retryAfterMs: undefined },
      ],
      [400, '{"code":"toString","message":"an inherited name is no code"}', { code: "internal" }],
      [418, '{"code":"newerThanThis","message":"?"}', { code: "internal", message: "?" }],
      [502, "<html>Bad gateway</html>", { code: "unavailable", message: /status 502/ }],
      [503, "", { code: "unavailable" }],
      [500, "null", { code: "internal" }],
      [404, "<html>Not found</html>", { code: "badFrame" }],
      [301, "", { code: "badFrame" }],
      [200, "<html>Welcome</html>", { code: "badFrame", message: /not JSON/ }],
    ];
    let next = 0;
    const { client } = await scene(t, (_request, response) => {
      const [status, body] = answers[next++] ?? [500, ""];
      response.statusCode = status;
      response.end(body);
    });
    for (const [status, body, expected] of answers) {
      await t.rejects(client.request("GET", "/"), expected, `${status} ${body}`);
    }
  },
);

t.test("an answer over the limit is refused, announced or not", async (t) => {
  const { client } = await scene(t, (request, response) => {
    if (request.url === "/announced") response.setHeader("content-length", 10_001);
    response.end(`"${"x".repeat(9_999)}"`);
  });
  await t.rejects(client.request("GET", "/announced"), { code: "badFrame" });
  await t.rejects(client.request("GET", "/chunked"), { code: "badFrame" });
});

t.test("an answer that does not come, or not to its end, is given up", async (t) => {
  const { client } = await scene(
    t,
    (request, response) => {
      if (request.url === "/half") response.write('{"half":');
      if (request.url === "/broken") {
        response.writeHead(200, { "content-length": 100 });
        response.write("{");
        setImmediate(() => response.destroy());
      }
    },
    { requestMs: 200 },
  );
  await t.rejects(client.request("GET", "/none"), { code: "timeout" });
  await t.rejects(client.request("GET", "/half"), { code: "timeout" });
  await t.rejects(client.request("GET", "/broken"), { code: "unreachable" });
});

t.test("closing ends requests under way", async (t) => {
  const { client } = await scene(t, () => client.close());
  await t.rejects(client.request("GET", "/"), { code: "unreachable" });
});
