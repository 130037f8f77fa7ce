import { IntervalidateError } from "../errors.ts";
import { type DriverModel, MODELS_OF_2018, MODELS_OF_TODAY } from "../sim/drivers/index.ts";
import { dmirror } from "./dmirror.ts";
import { hmm2018 } from "./hmm-2018.ts";

export * from "../sim/drivers/index.ts";
export { type DmirrorDriver, dmirror } from "./dmirror.ts";
export { type HmmDriver2018, hmm2018 } from "./hmm-2018.ts";
export { type DriverOffers, offersOf } from "./offers.ts";

/** All models, those of 2018 first. */
export const DRIVER_MODELS: readonly DriverModel[] = [
  ...MODELS_OF_2018,
  hmm2018,
  ...MODELS_OF_TODAY,
  dmirror,
];

/** The model of a name. @throws {IntervalidateError} ARGUMENT if there is none */
export function driverModel(name: string): DriverModel {
  const model = DRIVER_MODELS.find((one) => one.name === name);
  if (model !== undefined) return model;
  const names = DRIVER_MODELS.map((one) => one.name).join(", ");
  throw new IntervalidateError("ARGUMENT", `There is no driver ${name}: choose one of ${names}.`);
}
