export type { Violation, ViolationKind } from "./coherence.ts";
export { MIRRORS_MAX } from "./limits.ts";
export type { PlantedFault } from "./planted-faults.ts";
export { PLANTED_FAULTS } from "./planted-faults.ts";
export type { ReplayOptions } from "./replay.ts";
export { replay } from "./replay.ts";
export type { ReplayMeasurements, ReplayReport } from "./report.ts";
