export { replayDrivers } from "./replay-drivers.ts";
export type { DriverReplayReport, DriverReport } from "./report.ts";
