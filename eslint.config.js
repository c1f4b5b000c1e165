// What a reviewer would ask for: types used soundly, no promise forgotten, and who may import whom.
import { createTypeScriptImportResolver } from "eslint-import-resolver-typescript";
import importX from "eslint-plugin-import-x";
import tseslint from "typescript-eslint";

/** Rooms and what they must not import. A room is a folder under src; the message says why. */
const ROOMS = [
  { target: "src/protocol", from: "src", except: ["protocol"], message: "protocol imports nothing of ours." },
  {
    target: "src/crypto",
    from: "src",
    except: ["crypto", "protocol"],
    message: "crypto takes keys and bytes: of ours it imports the protocol only.",
  },
  {
    target: "src/client/core",
    from: "src",
    except: ["client/core", "protocol", "crypto"],
    message: "The client's core runs in a browser too.",
  },
  {
    target: "src/client",
    from: "src",
    except: ["client", "protocol", "crypto", "node", "workers/archive/own-archive.ts"],
    message: "A client knows nothing of the servers, but for the archive that somebody serves to themselves.",
  },
  {
    target: "src/node",
    from: "src",
    except: ["node", "protocol"],
    message: "node is below every other room.",
  },
  { target: "src/lb", from: "src/workers/chat", message: "The balancer never sees a message." },
  {
    target: ["src/lb", "src/workers", "src/store", "src/supervisor"],
    from: "src/client",
    message: "Servers do not import the client.",
  },
  {
    target: ["src/lb", "src/workers", "src/store", "src/supervisor"],
    from: "src/crypto",
    except: ["signature.ts", "card.ts", "account-id.ts", "labels.ts", "group-event.ts", "membership.ts"],
    message: "Servers import no decryption code: of crypto they may use signature checks only.",
  },
  {
    target: ["src/lb", "src/workers", "src/store", "src/supervisor", "src/client", "src/node"],
    from: "src/operator",
    message: "Operators' commands stand above the system that they speak to.",
  },
  {
    target: ["src/lb", "src/workers", "src/store", "src/supervisor", "src/client"],
    from: "src/backup",
    message: "A backup is made from outside: no part of the system knows of it.",
  },
  { target: "src", from: ["bench", "test"], message: "Nothing imports bench or test." },
];

const NO_NODE = {
  patterns: [
    { regex: "^node:", message: "This room runs in a browser too." },
    {
      group: ["pg", "piscina", "pino", "fastify", "yargs", "chalk"],
      message: "This room runs in a browser too.",
    },
  ],
};

export default tseslint.config(
  { ignores: ["dist/**", "dist-*/**", "build/**", "node_modules/**", ".tap/**", "data/**"] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ["*.js", "scripts/*.mjs"] } },
    },
    plugins: { "import-x": importX },
    settings: { "import-x/resolver-next": [createTypeScriptImportResolver()] },
    rules: {
      eqeqeq: "error",
      "no-console": "off",
      "import-x/no-cycle": ["error", { ignoreExternal: true }],
      "import-x/no-default-export": "error",
      "import-x/no-restricted-paths": ["error", { zones: ROOMS }],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unnecessary-condition": "off",
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      "@typescript-eslint/require-await": "off",
    },
  },
  {
    files: ["src/protocol/**", "src/crypto/**", "src/client/core/**"],
    ignores: ["src/crypto/primitives/node.ts", "src/protocol/threads.ts"],
    rules: { "@typescript-eslint/no-restricted-imports": ["error", NO_NODE] },
  },
  {
    files: ["*.js", "scripts/*.mjs"],
    ...tseslint.configs.disableTypeChecked,
    rules: { ...tseslint.configs.disableTypeChecked.rules, "import-x/no-default-export": "off" },
  },
  {
    files: ["test/**"],
    rules: {
      // tap's tests are promises that tap itself waits for.
      "@typescript-eslint/no-floating-promises": "off",
    },
  },
);
