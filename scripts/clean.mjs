// Removes compiled output, so that a test whose source is gone cannot run from a stale file.
import { rmSync } from "node:fs";

rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true });
