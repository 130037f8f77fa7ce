// Draws what `npm run bench -- --json FILE` measured:
//
//   npm run bench:picture -- results.json picture.svg

import { readFileSync, writeFileSync } from "node:fs";
import { draw } from "./chart.ts";
import type { Report } from "./report.ts";

const EXIT_USAGE = 2;

const [results, picture] = process.argv.slice(2);
if (results === undefined || picture === undefined) {
  console.error("usage: npm run bench:picture -- results.json picture.svg");
  process.exitCode = EXIT_USAGE;
} else {
  writeFileSync(picture, draw(JSON.parse(readFileSync(results, "utf8")) as Report));
}
