export { DRIVER_NAMES } from "./mix.ts";
export type { DriverReplayOptions } from "./replay-drivers.ts";
export { replayDrivers } from "./replay-drivers.ts";
export type { DriverFinding, DriverReplayReport, DriverReport, ReaperAccount } from "./report.ts";
