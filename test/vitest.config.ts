import { join } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Two cores are the reference machine: more workers only fight for them.
    maxWorkers: 2,
    reporters: ["default", "json"],
    outputFile: { json: join(import.meta.dirname, "../build/test-results.json") },
  },
});
