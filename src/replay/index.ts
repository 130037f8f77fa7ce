export type { Violation, ViolationKind } from "./coherence.ts";
export type { PlantedFault } from "./planted-faults.ts";
export { PLANTED_FAULTS } from "./planted-faults.ts";
export type { ReplayOptions } from "./replay.ts";
export { MIRRORS_MAX, replay } from "./replay.ts";
export type { ReplayMeasurements, ReplayReport } from "./report.ts";
