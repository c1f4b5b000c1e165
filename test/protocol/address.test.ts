import { createHash } from "node:crypto";
import t from "tap";
import { DEFAULT_PORT, formatAddress, parseAddress } from "../../src/protocol/address.js";

const pin = new Uint8Array(createHash("sha256").update("a certificate's key").digest());
const PIN = Buffer.from(pin).toString("base64url");

const good: readonly (readonly [text: string, host: string, port: number, pinned?: true])[] = [
  ["fastchat://127.0.0.1:7440", "127.0.0.1", 7440],
  ["fastchat://127.0.0.1", "127.0.0.1", DEFAULT_PORT],
  ["fastchat://127.0.0.1/", "127.0.0.1", DEFAULT_PORT],
  ["  fastchat://127.0.0.1:7440\n", "127.0.0.1", 7440],
  ["fastchat://localhost:1", "localhost", 1],
  ["fastchat://localhost:65535", "localhost", 65535],
  ["fastchat://chat.example.org", "chat.example.org", DEFAULT_PORT],
  ["fastchat://CHAT.example.org", "CHAT.example.org", DEFAULT_PORT],
  ["fastchat://my_host-2:80", "my_host-2", 80],
  ["fastchat://[::1]:7440", "::1", 7440],
  ["fastchat://[::1]", "::1", DEFAULT_PORT],
  ["fastchat://[2001:db8::7]/", "2001:db8::7", DEFAULT_PORT],
  ["fastchat://[::ffff:192.0.2.1]:9", "::ffff:192.0.2.1", 9],
  [`fastchat://127.0.0.1:7440#${PIN}`, "127.0.0.1", 7440, true],
  [`fastchat://127.0.0.1#${PIN}`, "127.0.0.1", DEFAULT_PORT, true],
  [`fastchat://127.0.0.1/#${PIN}`, "127.0.0.1", DEFAULT_PORT, true],
  [`fastchat://[::1]:7440#${PIN}`, "::1", 7440, true],
];

for (const [text, host, port, pinned] of good) {
  t.test(`${JSON.stringify(text)} is an address`, async (t) => {
    const address = parseAddress(text);
    t.same(address, { host, port, pin: pinned === true ? pin : null });
    t.same(parseAddress(formatAddress(address)), address, "and its shown form names the same");
  });
}

const bad: readonly string[] = [
  "",
  "fastchat://",
  "fastchat:///",
  "fastchat://:7440",
  "fastchat://127.0.0.1:",
  "fastchat://127.0.0.1:0",
  "fastchat://127.0.0.1:65536",
  "fastchat://127.0.0.1:744000",
  "fastchat://127.0.0.1:-1",
  "fastchat://127.0.0.1:7440x",
  "fastchat://127.0.0.1:7440:7441",
  "fastchat://256.0.0.1",
  "fastchat://1.2.3.4.5",
  "fastchat://::1",
  "fastchat://::1:7440",
  "fastchat://[::1",
  "fastchat://::1]",
  "fastchat://[]",
  "fastchat://[::::]",
  "fastchat://[1::2::3]",
  "fastchat://[12345::]",
  "fastchat://[127.0.0.1]",
  "fastchat://[localhost]",
  "fastchat://host name",
  "fastchat://user@host",
  "fastchat://user:word@host:1",
  "fastchat://host/path",
  "fastchat://host?query",
  "fastchat://hóst",
  "127.0.0.1:7440",
  "http://127.0.0.1:7440",
  "https://127.0.0.1:7440",
  "FASTCHAT://127.0.0.1",
  "fastchat:127.0.0.1",
  "xfastchat://127.0.0.1",
  "fastchat://127.0.0.1#", // cut off: to read it as "any key" would be the wrong guess
  "fastchat://127.0.0.1:7440#",
  `fastchat://127.0.0.1#${PIN.slice(1)}`,
  `fastchat://127.0.0.1#${PIN}A`,
  `fastchat://127.0.0.1#${PIN}=`,
  `fastchat://127.0.0.1##${PIN}`,
  `fastchat://127.0.0.1#${PIN}#${PIN}`,
  `fastchat://127.0.0.1#${Buffer.alloc(31).toString("base64url")}`,
  `fastchat://127.0.0.1#${Buffer.alloc(33).toString("base64url")}`,
  `fastchat://127.0.0.1#${"A".repeat(42)}B`, // 32 bytes, but not their only spelling
  `fastchat://127.0.0.1#${Buffer.from(pin).toString("hex")}`,
];

for (const text of bad) {
  t.test(`${JSON.stringify(text)} is no address`, async (t) => {
    t.throws(() => parseAddress(text), { code: "badRequest", message: /fastchat:\/\/127\.0\.0\.1:7440/ });
  });
}

t.test("an address is shown with its port always, its pin if it has one, and IPv6 in brackets", async (t) => {
  t.equal(formatAddress({ host: "a.example", port: 7440, pin: null }), "fastchat://a.example:7440");
  t.equal(formatAddress({ host: "::1", port: 1, pin }), `fastchat://[::1]:1#${PIN}`);
});
