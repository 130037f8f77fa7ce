// The process in which one contender is measured. So no contender runs on code that was optimized for
// others, or beside their memory.

import { type Cell, settingsOf } from "./cells.ts";
import { CONTENDERS } from "./contenders.ts";
import { Measurement } from "./measurement.ts";
import { consumed, type Effort } from "./sampling.ts";
import { SettingData } from "./setting-data.ts";
import type { Verdict } from "./verdict.ts";

/** What the process is sent. */
export interface Job {
  readonly contender: string;
  readonly cells: readonly Cell[];
  readonly effort: Effort;
}

/** What it answers: a verdict on each cell, in the order of `settingsOf`, and a message at the end. */
export type Answer = { readonly verdict: Verdict } | { readonly consumed: number };

async function run(job: Job): Promise<void> {
  const contender = CONTENDERS.find(({ name }) => name === job.contender);
  if (contender === undefined) throw new Error(`There is no contender ${job.contender}.`);
  const configurations = await contender.load();
  for (const { setting, cells } of settingsOf(job.cells)) {
    const measurement = new Measurement(configurations, new SettingData(setting), job.effort);
    for (const { operation } of cells) await answer({ verdict: measurement.measure(operation) });
  }
  await answer({ consumed: consumed() });
  process.disconnect();
}

function answer(message: Answer): Promise<void> {
  return new Promise((resolve) => process.send?.(message, () => resolve()));
}

process.once("message", (job) => void run(job as Job));
