import { join } from "node:path";
import { rolldown } from "rolldown";
import { describe, expect, it } from "vitest";

// A library entry must run anywhere: it pulls in no other package and nothing of Node's.

const root = join(import.meta.dirname, "../..");

describe.each([
  "index",
  "audit/index",
  "drivers/index",
  "hmm/index",
  "sim/index",
  "trace/index",
  "replay/index",
])("the library entry dist/%s.js", (entry) => {
  it("imports nothing from outside this package", async () => {
    const outside: string[] = [];
    const bundle = await rolldown({
      input: join(root, `dist/${entry}.js`),
      platform: "browser",
      plugins: [
        {
          name: "watch imports",
          resolveId(source) {
            if (source.startsWith(".") || source.startsWith("/")) return null;
            outside.push(source);
            return { id: source, external: true };
          },
        },
      ],
    });
    const { output } = await bundle.generate({ format: "esm" });
    expect(outside).toEqual([]);
    const [{ code }] = output;
    expect(code).not.toMatch(/\bprocess\.\w+|\bBuffer\.\w+|\b__dirname\b/);
    expect(code).not.toMatch(/\b(Math\.random|Date\.now|performance\.now)\(/);
    await bundle.close();
  });
});

describe("the layers", () => {
  /** Who may import whom: data flows one way. */
  const BELOW: Record<string, readonly string[]> = {
    engine: [],
    blocking: [],
    notifier: ["engine", "blocking"],
    trace: ["engine"],
    sim: ["engine", "blocking", "notifier"],
    hmm: ["engine", "blocking", "notifier", "sim"],
    drivers: ["engine", "blocking", "notifier", "sim", "hmm"],
    audit: ["engine", "blocking", "notifier", "sim"],
    replay: ["engine", "blocking", "notifier", "trace", "sim", "drivers", "audit"],
    litmus: ["engine", "blocking", "notifier", "sim", "hmm", "drivers", "audit"],
    cli: ["engine", "blocking", "notifier", "trace", "sim", "replay", "litmus"],
  };

  it.each(Object.keys(BELOW))("%s imports only from below", async (layer) => {
    const { readdirSync, readFileSync } = await import("node:fs");
    const folder = join(root, "src", layer);
    const upward: string[] = [];
    for (const file of readdirSync(folder, { recursive: true }) as string[]) {
      if (!file.endsWith(".ts")) continue;
      for (const [, path] of readFileSync(join(folder, file), "utf8").matchAll(
        /from "(\.[^"]+)"/g,
      )) {
        const target = join(folder, file, "..", path)
          .slice(join(root, "src").length + 1)
          .split("/")[0];
        if (target === layer || target === "errors.ts") continue;
        if (!BELOW[layer].includes(target)) upward.push(`${layer}/${file} -> ${path}`);
      }
    }
    expect(upward).toEqual([]);
  });
});
