export type { Chooser, SimulatedDriverOptions } from "../blocking/simulated-driver.ts";
export { DeadlockError, SimulatedDriver } from "../blocking/simulated-driver.ts";
export { Random } from "./random.ts";
