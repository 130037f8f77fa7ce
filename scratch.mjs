import { readFileSync } from "node:fs";
import { parseScenario, runLitmus, flipScenario, storyOf } from "./src/litmus/index.ts";
import { createEngine } from "./src/engine/engine.ts";
const engine = createEngine();
let bad = 0;
for (const f of process.argv.slice(2).filter(a=>!a.startsWith("--"))) {
  try {
    const s = parseScenario(readFileSync(f, "utf8"));
    const r = runLitmus(s, engine);
    const flips = r.ok ? flipScenario(s, engine).filter((x) => !x.failed) : [];
    console.log(r.ok && flips.length === 0 ? "ok  " : "FAIL", f);
    for (const x of r.failures) console.log("   ", x.profile, "line", x.line, x.what, "| expected", x.expected, "| actual", x.actual);
    for (const x of flips) console.log("    flip", x.profile, x.line, x.what);
    if (process.argv.includes("--story")) for (const run of r.runs) console.log(storyOf(s, run));
  } catch (e) { console.log("ERR ", f, e.stack.split("\n").slice(0,6).join("\n")); }
}
