// Asks the compiler about snippets, as a program would use the library: by its name, from dist.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** What every snippet finds. */
const PRELUDE = `import {
  type AddressSpace, type CallbackRange, type IntervalNotifier, type InvalidationWindow,
  type ListNotifier, type ListNotifierOps, type Mutex, type NotifierRange, type Sleepable,
} from "intervalidate";
declare const mm: AddressSpace;
declare const lock: Mutex;
declare const range: NotifierRange;
declare const signal: AbortSignal;
declare function nothing(): undefined;
declare function under(lock: Mutex): Sleepable<undefined>;
`;

/** The numbers of the errors that the compiler finds in each snippet, in order. */
export function errorsOf(snippets: readonly string[]): string[][] {
  mkdirSync(join(root, "build"), { recursive: true });
  const folder = mkdtempSync(join(root, "build", "snippets-"));
  try {
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: join(root, "tsconfig.json"),
        compilerOptions: {
          noEmit: true,
          rootDir: root,
          declaration: false,
          isolatedDeclarations: false,
          noUnusedLocals: false,
          noUnusedParameters: false,
        },
        include: ["."],
      }),
    );
    snippets.forEach((snippet, i) => {
      writeFileSync(join(folder, `${i}.ts`), `${PRELUDE}${snippet}\nexport {};\n`);
    });
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [tsc, "-p", folder, "--pretty", "false"],
      { encoding: "utf8", cwd: folder },
    );
    const errors: string[][] = snippets.map(() => []);
    for (const line of stdout.split("\n").filter((text) => /^\S/.test(text))) {
      const match = /^(?:.*\/)?(\d+)\.ts\(\d+,\d+\): error (TS\d+): /.exec(line);
      if (match === null) throw new Error(`the compiler says: ${line}`);
      errors[Number(match[1])].push(match[2]);
    }
    // One that could not be started has found nothing either.
    if (![0, 1, 2].includes(status ?? -1)) throw new Error(`the compiler failed: ${stderr}`);
    return errors;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
