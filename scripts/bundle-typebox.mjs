// Puts the 683 files of typebox into one: to find, read and link them took 0.4 s of CPU time in every thread and process,
// most of what a chat server needs to start; one file takes 0.05 s. Each file stays a module of its own, with the same
// instance for everybody; only the loading differs. Run by `npm run build`; package.json, "imports", leads to what it makes.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const checkout = fileURLToPath(new URL("..", import.meta.url));
const typebox = join(checkout, "node_modules", "typebox");
const target = join(checkout, "dist", "vendor", "typebox");

/** File of the package → file here. */
const ENTRIES = {
  "index.mjs": "index.js",
  "compile/index.mjs": "compile.js",
  "value/index.mjs": "value.js",
};

const LOADER = `
const loaded = new Map();
export function load(id) {
  let exports = loaded.get(id);
  if (exports === undefined) {
    loaded.set(id, (exports = {}));
    modules[id](exports, load);
  }
  return exports;
}
function __exportStar(from, exports) {
  for (const name of Object.keys(from)) {
    if (name === "default" || Object.hasOwn(exports, name)) continue;
    Object.defineProperty(exports, name, { enumerable: true, get: () => from[name] });
  }
}
`;

const { version } = JSON.parse(readFileSync(join(typebox, "package.json"), "utf8"));
const licence = readFileSync(join(typebox, "license"), "utf8").trim();
const head = `/*\ntypebox ${version}\n\n${licence}\n*/\n`;

const made = join(target, "modules.js");
if (!existsSync(made) || !readFileSync(made, "utf8").startsWith(head)) await bundle();

async function bundle() {
  const modules = new Map();
  for (const entry of Object.keys(ENTRIES)) add(entry, modules);
  mkdirSync(target, { recursive: true });
  writeFileSync(
    made,
    `${head}const modules = {\n${[...modules].map(([id, code]) => `${JSON.stringify(id)}(exports, require) {\n${code}\n}`).join(",\n")}\n};\n${LOADER}`,
  );
  const { load } = await import(made);
  for (const [entry, file] of Object.entries(ENTRIES)) {
    const names = Object.keys(load(entry)).filter((name) => name !== "default");
    writeFileSync(
      join(target, file),
      `import { load } from "./modules.js";\nconst entry = load(${JSON.stringify(entry)});\nexport default entry.default;\nexport const { ${names.join(", ")} } = entry;\n`,
    );
  }
}

/** Adds a module and, first, what it imports; all of it lies within the package. */
function add(id, modules) {
  if (modules.has(id)) return;
  modules.set(id, "");
  const { outputText } = ts.transpileModule(readFileSync(join(typebox, "build", id), "utf8"), {
    compilerOptions: {
      module: ts.ModuleKind.CommonJS,
      target: ts.ScriptTarget.ES2022,
      removeComments: true,
      noEmitHelpers: true,
    },
  });
  const code = outputText
    .replace('Object.defineProperty(exports, "__esModule", { value: true });\n', "")
    .replace(/require\("([^"]+)"\)/g, (_, specifier) => {
      if (!specifier.startsWith(".")) throw new Error(`typebox imports "${specifier}", which is not its own`);
      const imported = posix.join(dirname(id), specifier);
      add(imported, modules);
      return `require(${JSON.stringify(imported)})`;
    });
  modules.set(id, code);
}
