import { DRIVER_MODELS, type DriverModel, dmirror, hmm2018 } from "../../drivers/index.ts";
import { HMM_VARIANTS, type HmmVariantName } from "../../hmm/hmm-variants.ts";
import type { ActorKind } from "./actor.ts";
import { DMIRROR } from "./dmirror-actor.ts";
import { driverKind } from "./driver-actor.ts";
import { HMM_DRIVER, HMM_LOOKUP, HMM_MIRROR, hmmKind } from "./hmm-actors.ts";

/** Those that register with a version of HMM. */
const WITH_HMM: Readonly<Record<string, ActorKind>> = {
  "hmm-mirror": HMM_MIRROR,
  "hmm-driver": HMM_DRIVER,
  "hmm-lookup": HMM_LOOKUP,
};

/** Those that are more than a driver model. */
const OWN: Readonly<Record<string, ActorKind>> = { dmirror: DMIRROR, ...WITH_HMM };

/** Models but those that bring a process along: here the file has one, and says what it does. */
const MODELS: ReadonlyMap<string, DriverModel> = new Map(
  DRIVER_MODELS.filter((model) => model !== dmirror && model !== hmm2018).map((model) => [
    model.name,
    model,
  ]),
);

const VARIANTS = Object.keys(HMM_VARIANTS) as HmmVariantName[];

/** The names of all kinds of actors. */
export const ACTOR_KINDS: readonly string[] = [...Object.keys(OWN), ...VARIANTS, ...MODELS.keys()];

/** Whether it is a version of HMM, with which mirrors register. */
export function isHmm(kind: string): boolean {
  return (VARIANTS as string[]).includes(kind);
}

/** Whether it registers with one. */
export function needsHmm(kind: string): boolean {
  return Object.hasOwn(WITH_HMM, kind);
}

/** One of those kinds. */
export function actorKind(name: string): ActorKind {
  if (Object.hasOwn(OWN, name)) return OWN[name];
  if (isHmm(name)) return hmmKind(name as HmmVariantName);
  const model = MODELS.get(name);
  if (model === undefined) throw new Error(`there is no kind ${name}`);
  return driverKind(model);
}
