import { fork } from "node:child_process";
import { join } from "node:path";
import { type Cell, nameOf, settingsOf, UPDATES } from "./cells.ts";
import { CONTENDERS, type Contender } from "./contenders.ts";
import type { CellReport } from "./report.ts";
import type { Effort } from "./sampling.ts";
import { ratiosOf } from "./standings.ts";
import type { Verdict } from "./verdict.ts";
import type { Answer, Job } from "./worker.ts";

const WORKER = join(import.meta.dirname, "worker.js");
/** The list scan is not compared with anything: it gets this part of a peer's budget. */
const LIST_BUDGET = 0.25;
/** A process that does not notice that its time is up is ended after so many budgets. */
const PATIENCE = 3;
/** The last words of a process that died. */
const STDERR_LENGTH_MAX = 300;

/** About how many seconds it will take; the machine, and what is too slow, make it more or less. */
export function estimateSeconds(cells: readonly Cell[], effort: Effort): number {
  let seconds = 0;
  for (const { setting, cells: group } of settingsOf(cells)) {
    for (const contender of CONTENDERS) {
      const operations = group.filter((cell) => has(contender, cell));
      if (operations.length === 0) continue;
      const builds = 1 + operations.filter(({ operation }) => isRebuilding(operation)).length;
      const perBuild = Math.min(effort.budgetSeconds, setting.count * BUILD_SECONDS);
      seconds +=
        PROCESS_SECONDS +
        setting.count * DATA_SECONDS +
        builds * perBuild +
        operations.length * (CHECK_SECONDS * (Math.log10(setting.count) - 2) + effort.seconds);
    }
  }
  return seconds;
}

/** Rough figures, for the estimate only: to start a process, to draw an interval, to check, to build. */
const PROCESS_SECONDS = 0.3;
const DATA_SECONDS = 1e-6;
const CHECK_SECONDS = 0.08;
const BUILD_SECONDS = 3e-6;

function isRebuilding(operation: Cell["operation"]): boolean {
  return UPDATES.has(operation) || operation === "build";
}

/** Whether a contender has the operation at all. */
function has(contender: Contender, { operation }: Cell): boolean {
  return contender.dynamic || !UPDATES.has(operation);
}

/**
 * Measures all contenders in all cells, one process at a time. If `apart`, each process does one
 * setting, and contenders of one setting come right after each other, so that a change of the
 * machine's pace touches all of them; else each contender has one process for everything.
 */
export async function runCells(
  cells: readonly Cell[],
  effort: Effort,
  apart: boolean,
  progress: (done: number, what: string) => void,
): Promise<CellReport[]> {
  const verdicts = new Map<Cell, Record<string, Verdict>>(cells.map((cell) => [cell, {}]));
  const groups = settingsOf(cells).map((group) => group.cells);
  let done = 0;
  for (const group of apart ? groups : [groups.flat()]) {
    for (const contender of CONTENDERS) {
      const record = (cell: Cell, verdict: Verdict): void => {
        (verdicts.get(cell) as Record<string, Verdict>)[contender.name] = verdict;
        done += 1;
        progress(done, `${contender.name} ${nameOf(cell)}`);
      };
      for (const cell of group) if (!has(contender, cell)) record(cell, { verdict: "lacking" });
      const possible = group.filter((cell) => has(contender, cell));
      await measureAll(contender.name, possible, effortFor(contender, effort), record);
    }
  }
  return cells.map((cell) => {
    const found = verdicts.get(cell) as Record<string, Verdict>;
    return { name: nameOf(cell), ...cell, verdicts: found, ratios: ratiosOf(found) };
  });
}

function effortFor(contender: Contender, effort: Effort): Effort {
  if (contender.package !== undefined) return effort;
  return { ...effort, budgetSeconds: effort.budgetSeconds * LIST_BUDGET };
}

/** If a process dies or hangs in a cell, the next process goes on after that cell. */
async function measureAll(
  contender: string,
  cells: readonly Cell[],
  effort: Effort,
  record: (cell: Cell, verdict: Verdict) => void,
): Promise<void> {
  let at = 0;
  while (at < cells.length) {
    const end = await measureInProcess({ contender, cells: cells.slice(at), effort }, (verdict) => {
      record(cells[at], verdict);
      at += 1;
    });
    if (at < cells.length) {
      record(cells[at], end);
      at += 1;
    }
  }
}

/** Resolves at the end of the process, to the verdict on the cell that it did not answer. */
function measureInProcess(job: Job, answered: (verdict: Verdict) => void): Promise<Verdict> {
  return new Promise((resolve) => {
    const child = fork(WORKER, [], {
      execArgv: ["--expose-gc"],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-STDERR_LENGTH_MAX);
    });
    let hung = false;
    const seconds = PATIENCE * job.effort.budgetSeconds;
    const timer = setTimeout(() => {
      hung = true;
      child.kill("SIGKILL");
    }, seconds * 1000);
    child.on("message", (answer: Answer) => {
      if ("consumed" in answer) return;
      timer.refresh();
      answered(answer.verdict);
    });
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      resolve(
        hung
          ? { verdict: "too slow", detail: `ended after ${seconds} s` }
          : {
              verdict: "wrong",
              detail: `the process ended with ${signal ?? status}: ${said.trim()}`,
            },
      );
    });
    child.send(job);
  });
}
