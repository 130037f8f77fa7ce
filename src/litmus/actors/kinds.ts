import { DRIVER_MODELS } from "../../drivers/index.ts";
import { HMM_VARIANTS, type HmmVariantName } from "../../hmm/hmm-variants.ts";
import type { ActorKind } from "./actor.ts";
import { DMIRROR } from "./dmirror-actor.ts";
import { driverKind } from "./driver-actor.ts";
import { HMM_DRIVER, HMM_LOOKUP, HMM_MIRROR, hmmKind } from "./hmm-actors.ts";

/** Those that are more than a driver model. */
const OWN: Readonly<Record<string, ActorKind>> = {
  dmirror: DMIRROR,
  "hmm-mirror": HMM_MIRROR,
  "hmm-driver": HMM_DRIVER,
  "hmm-lookup": HMM_LOOKUP,
};

const VARIANTS = Object.keys(HMM_VARIANTS) as HmmVariantName[];

/** The names of all kinds of actors. */
export const ACTOR_KINDS: readonly string[] = [
  ...Object.keys(OWN),
  ...VARIANTS,
  ...DRIVER_MODELS.map(({ name }) => name).filter((name) => !Object.hasOwn(OWN, name)),
];

/** Whether it is a version of HMM, with which mirrors register. */
export function isHmm(kind: string): boolean {
  return (VARIANTS as string[]).includes(kind);
}

/** One of those kinds. */
export function actorKind(name: string): ActorKind {
  if (Object.hasOwn(OWN, name)) return OWN[name];
  if (isHmm(name)) return hmmKind(name as HmmVariantName);
  const model = DRIVER_MODELS.find((one) => one.name === name);
  if (model === undefined) throw new Error(`there is no kind ${name}`);
  return driverKind(model);
}
