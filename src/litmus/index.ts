export type { Clause } from "./clause.ts";
export type { Flip, LitmusResult } from "./litmus.ts";
export { flipScenario, runLitmus } from "./litmus.ts";
export { parseScenario } from "./parse.ts";
export type { Failure, LitmusRun } from "./runner.ts";
export { runScenario } from "./runner.ts";
export type { Scenario } from "./scenario.ts";
