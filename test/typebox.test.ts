/** The bundle of typebox that everything loads is typebox: scripts/bundle-typebox.mjs. */
import t from "tap";

const ENTRIES = ["", "/compile", "/value"];

/** Names, and those within namespaces, with what kind of thing each is. */
function namesOf(module: object, depth = 2): string[] {
  return Object.entries(module)
    .filter(([name]) => name !== "default")
    .flatMap(([name, value]: [string, unknown]) => {
      const within =
        depth > 0 && typeof value === "object" && value !== null ? namesOf(value, depth - 1) : [];
      return [`${name}: ${typeof value}`, ...within.map((inner) => `${name}.${inner}`)];
    })
    .sort();
}

for (const entry of ENTRIES) {
  t.test(`typebox${entry} has all that the package has`, async (t) => {
    const bundled = (await import(`#typebox${entry}`)) as object;
    const original = (await import(`typebox${entry}`)) as object;
    t.same(namesOf(bundled), namesOf(original));
    t.ok("default" in bundled);
  });
}

t.test("its entries share their modules", async (t) => {
  const { default: Type } = await import("#typebox");
  const { Compile } = await import("#typebox/compile");
  const { Check } = await import("#typebox/value");
  const schema = Type.Object({
    name: Type.String({ pattern: "^[a-z]+$" }),
    many: Type.Array(Type.Integer()),
  });
  for (const good of [
    { name: "a", many: [] },
    { name: "abc", many: [1, 2] },
  ]) {
    t.ok(Compile(schema).Check(good));
    t.ok(Check(schema, good));
  }
  for (const bad of [{ name: "A", many: [] }, { name: "a", many: [1.5] }, { name: "a" }, null]) {
    t.notOk(Compile(schema).Check(bad));
    t.notOk(Check(schema, bad));
  }
});
