#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { IntervalidateError } from "../errors.ts";
import { addLitmus } from "./litmus.ts";
import { addReplay } from "./replay.ts";
import { addSummary } from "./summary.ts";

/** 1 is for violations and mismatches, which the commands set themselves. */
const EXIT_USAGE_OR_INPUT = 2;

/** One line each. A command's module loads what it needs when it is run, not here. */
const commands: readonly ((program: Command) => void)[] = [addReplay, addSummary, addLitmus];

async function main(): Promise<void> {
  // A reader that has seen enough (`| head`) is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    console.error(`intervalidate: cannot write the output: ${error.message}`);
    process.exit(EXIT_USAGE_OR_INPUT);
  });
  const program = new Command("intervalidate")
    .description("replays strace logs against the Linux MMU notifier contract")
    .version(packageVersion())
    .exitOverride();
  for (const add of commands) add(program);
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      // Its message, or the help that was asked for, has been written.
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE_OR_INPUT;
      return;
    }
    process.exitCode = EXIT_USAGE_OR_INPUT;
    if (error instanceof IntervalidateError) console.error(`intervalidate: ${error.message}`);
    else console.error("intervalidate: internal error, please report it:", error);
  }
}

function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

void main();
