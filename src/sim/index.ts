export type { Chooser, SimulatedDriverOptions } from "../blocking/simulated-driver.ts";
export { DeadlockError, SimulatedDriver } from "../blocking/simulated-driver.ts";
export { Random } from "./random.ts";
export type { Violation, ViolationKind } from "./replay/coherence.ts";
export type { PlantedFault } from "./replay/planted-faults.ts";
export { PLANTED_FAULTS } from "./replay/planted-faults.ts";
export type { ReplayOptions } from "./replay/replay.ts";
export { MIRRORS_MAX, replay } from "./replay/replay.ts";
export type { ReplayMeasurements, ReplayReport } from "./replay/report.ts";
