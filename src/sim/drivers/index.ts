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
import { amdgpuGfx } from "./today/amdgpu-gfx.ts";
import { amdgpuHsa } from "./today/amdgpu-hsa.ts";
import { amdkfdSvm } from "./today/amdkfd-svm.ts";
import { gntdev } from "./today/gntdev.ts";
import { gpusvm } from "./today/gpusvm.ts";
import { gru } from "./today/gru.ts";
import { hfi1MmuRb } from "./today/hfi1-mmu-rb.ts";
import { hfi1Tid } from "./today/hfi1-tid.ts";
import { i915 } from "./today/i915.ts";
import { kvm } from "./today/kvm.ts";
import { mlx5 } from "./today/mlx5.ts";
import { nouveauSvm } from "./today/nouveau-svm.ts";
import { radeon } from "./today/radeon.ts";
import { xe } from "./today/xe.ts";

export type { AddressRange } from "./address-range.ts";
export type { DriverContextOptions } from "./context.ts";
export { DriverContext } from "./context.ts";
export type { DeviceOperation, Driver, DriverModel, DriverOptions } from "./driver-model.ts";
export { KernelBug } from "./kernel-bug.ts";
export {
  amdgpuGfx,
  amdgpuGfx2018,
  amdgpuHsa,
  amdgpuHsa2018,
  amdkfdSvm,
  gntdev,
  gpusvm,
  gru,
  gru2018,
  hfi1MmuRb,
  hfi1Tid,
  hfi12018,
  i915,
  i9152018,
  kvm,
  kvm2018,
  mlx5,
  nouveauSvm,
  radeon,
  radeon2018,
  scif2018,
  umemOdp2018,
  xe,
  xenGntdev2018,
};

/** As of the patch that brought non-blocking mode. One more, `hmm-2018`, is in `src/drivers`. */
export const MODELS_OF_2018: readonly DriverModel[] = [
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

/** As of v6.12. One more, `dmirror`, is in `src/drivers`. */
export const MODELS_OF_TODAY: readonly DriverModel[] = [
  kvm,
  gru,
  hfi1MmuRb,
  nouveauSvm,
  i915,
  amdgpuGfx,
  amdgpuHsa,
  radeon,
  mlx5,
  gntdev,
  amdkfdSvm,
  hfi1Tid,
  xe,
  gpusvm,
];
