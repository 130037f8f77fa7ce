import { setFlagsFromString } from "node:v8";
import type { Command } from "commander";
import { IntervalidateError } from "../errors.ts";

export function addSummary(program: Command): void {
  program
    .command("summary")
    .description("print what strace logs say about address spaces, as JSON")
    .argument("<log...>", "strace logs, plain or gzip; - reads the standard input")
    .addHelpText(
      "after",
      "\nOne log: the JSON is indented. Several: one object per line, in the order of the logs; at a\n" +
        "log that cannot be read it stops with exit code 2.",
    )
    .action(summarizeLogs);
}

async function summarizeLogs(paths: string[]): Promise<void> {
  // Most of what a log makes is short-lived, the rest lives long: a bigger nursery, which V8 would
  // grow to step by step, costs 30 MB and saves no time (bench/summary.mjs).
  setFlagsFromString("--semi-space-growth-factor=1");
  const [{ summarize }, { openLog }, { createHash }] = await Promise.all([
    import("../trace/index.ts"),
    import("./log-file.ts"),
    import("node:crypto"),
  ]);
  if (paths.filter((path) => path === "-").length > 1) {
    throw new IntervalidateError("USAGE", "The standard input can be read once: name - once.");
  }
  for (const path of paths) {
    const log = await openLog(path);
    try {
      const summary = await summarize(log, { createSha256: () => createHash("sha256") });
      const { call, unfinished, resumed } = summary.kinds;
      if (call + unfinished + resumed === 0) {
        console.error(`intervalidate: ${log.name}: warning: no system call found in this log`);
      }
      const text = JSON.stringify(summary, null, paths.length === 1 ? 1 : 0);
      await writeOut(`${text}\n`);
    } finally {
      await log.close();
    }
  }
}

/** Waits until it is written, so that many summaries do not pile up before a slow reader. */
function writeOut(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, () => resolve());
  });
}
