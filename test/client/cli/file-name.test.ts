import t from "tap";
import { safeFileName } from "../../../src/client/cli/file-name.js";

t.test("a name that a stranger gave stands for a file of the folder, and for nothing else", async (t) => {
  const names: readonly (readonly [string, string])[] = [
    ["report.pdf", "report.pdf"],
    ["Jahresabschluß 2026 (neu).ods", "Jahresabschluß 2026 (neu).ods"],
    ["../../.ssh/authorized_keys", "authorized_keys"],
    ["..\\..\\evil.exe", "evil.exe"],
    ["/etc/passwd", "passwd"],
    ["..", "file"],
    [".", "file"],
    ["", "file"],
    ["/", "file"],
    [".bashrc", "bashrc"],
    ["a\u0000b\nc\u001b[31m", "a_b_c_[31m"],
    ["right\u202eto-left.txt", "right_to-left.txt"],
    ['what?<is>:"this"|*', "what__is___this___"],
    ["dots...", "dots"],
  ];
  for (const [given, expected] of names) t.equal(safeFileName(given), expected, JSON.stringify(given));
  t.equal(safeFileName("ä".repeat(300)).length, 200);
});
