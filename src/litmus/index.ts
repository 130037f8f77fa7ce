export type { Flip, LitmusResult } from "./litmus.ts";
export { flipScenario, runLitmus } from "./litmus.ts";
export { parseScenario } from "./parse.ts";
export type { Failure } from "./runner.ts";
export type { Scenario } from "./scenario.ts";
export { storyOf } from "./story.ts";
