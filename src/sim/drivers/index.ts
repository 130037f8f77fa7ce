import { IntervalidateError } from "../../errors.ts";
import { amdgpuGfx2018 } from "./2018/amdgpu-gfx.ts";
import { amdgpuHsa2018 } from "./2018/amdgpu-hsa.ts";
import { gru2018 } from "./2018/gru.ts";
import { hfi12018 } from "./2018/hfi1.ts";
import { i9152018 } from "./2018/i915.ts";
import { kvm2018 } from "./2018/kvm.ts";
import { radeon2018 } from "./2018/radeon.ts";
import { scif2018 } from "./2018/scif.ts";
import { umemOdp2018 } from "./2018/umem-odp.ts";
import { xenGntdev2018 } from "./2018/xen-gntdev.ts";
import type { DriverModel } from "./driver-model.ts";

export type { AddressRange } from "./address-range.ts";
export type { DriverContextOptions } from "./context.ts";
export { DriverContext } from "./context.ts";
export type { DeviceOperation, Driver, DriverModel, DriverOptions } from "./driver-model.ts";
export { KernelBug } from "./kernel-bug.ts";
export {
  amdgpuGfx2018,
  amdgpuHsa2018,
  gru2018,
  hfi12018,
  i9152018,
  kvm2018,
  radeon2018,
  scif2018,
  umemOdp2018,
  xenGntdev2018,
};

/** All models, those of 2018 first. */
export const DRIVER_MODELS: readonly DriverModel[] = [
  kvm2018,
  i9152018,
  amdgpuGfx2018,
  amdgpuHsa2018,
  radeon2018,
  umemOdp2018,
  hfi12018,
  scif2018,
  gru2018,
  xenGntdev2018,
];

/** The model of a name. @throws {IntervalidateError} ARGUMENT if there is none */
export function driverModel(name: string): DriverModel {
  const model = DRIVER_MODELS.find((one) => one.name === name);
  if (model !== undefined) return model;
  const names = DRIVER_MODELS.map((one) => one.name).join(", ");
  throw new IntervalidateError("ARGUMENT", `There is no driver ${name}: choose one of ${names}.`);
}
