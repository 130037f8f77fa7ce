// Bundles the soak, which is TypeScript that imports the engine's sources, and runs it:
// `npm run soak -- --operations 1e8`. test/soak/main.ts lists the options.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "rolldown";

const root = join(import.meta.dirname, "..");
const bundle = join(root, "build", "soak", "main.mjs");

await build({
  input: join(root, "test", "soak", "main.ts"),
  platform: "node",
  external: ["cli-table3"],
  output: { file: bundle },
  logLevel: "warn",
});
await import(pathToFileURL(bundle).href);
