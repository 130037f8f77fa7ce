import { IntervalidateError } from "../../errors.ts";
import { kvm2018 } from "./2018/kvm.ts";
import type { DriverModel } from "./driver-model.ts";

export { type Kvm2018, kvm2018 } from "./2018/kvm.ts";
export type { AddressRange } from "./address-range.ts";
export type { DriverContextOptions } from "./context.ts";
export { DriverContext } from "./context.ts";
export type { DeviceOperation, Driver, DriverModel, DriverOptions } from "./driver-model.ts";
export { KernelBug } from "./kernel-bug.ts";

/** All models, those of 2018 first. */
export const DRIVER_MODELS: readonly DriverModel[] = [kvm2018];

/** @throws {IntervalidateError} ARGUMENT if there is no model of that name */
export function driverModel(name: string): DriverModel {
  const model = DRIVER_MODELS.find((one) => one.name === name);
  if (model !== undefined) return model;
  const names = DRIVER_MODELS.map((one) => one.name).join(", ");
  throw new IntervalidateError("ARGUMENT", `There is no driver ${name}: choose one of ${names}.`);
}
