import { DRIVER_MODELS, type DriverModel, MODELS_OF_2018 } from "../../drivers/index.ts";
import { IntervalidateError } from "../../errors.ts";
import type { ProfileName } from "../../notifier/profile.ts";

/** Driver models of one era, which can run in one kernel. */
export interface DriverMix {
  readonly era: DriverModel["era"];
  /** Each once, in the order in which they were named. */
  readonly models: readonly DriverModel[];
  /** Whose rules are followed unless others are asked for: those of the era. */
  readonly profile: ProfileName;
}

const ALL: ReadonlyMap<string, readonly DriverModel[]> = new Map([
  ["all-2018", MODELS_OF_2018],
  ["all-today", DRIVER_MODELS.filter(({ era }) => era === "v6.12")],
]);

/** What may be named: every model, and all models of one era. */
const DRIVER_NAMES: readonly string[] = [...ALL.keys(), ...DRIVER_MODELS.map(({ name }) => name)];

/**
 * The models of some names; `all-2018` and `all-today` stand for all of one era.
 *
 * @throws {IntervalidateError} USAGE for no name, for an unknown one, and for models of both eras
 */
export function driverMix(names: readonly string[]): DriverMix {
  const models = new Set<DriverModel>();
  for (const name of names) {
    for (const model of modelsOf(name)) models.add(model);
  }
  const [first] = models;
  if (first === undefined) {
    throw new IntervalidateError("USAGE", `Name a driver: ${DRIVER_NAMES.join(", ")}.`);
  }
  const { era } = first;
  const stranger = [...models].find((model) => model.era !== era);
  if (stranger !== undefined) {
    throw new IntervalidateError(
      "USAGE",
      `${first.name} is a driver of ${era} and ${stranger.name} one of ${stranger.era}: no kernel has both, so name drivers of one of them.`,
    );
  }
  return { era, models: [...models], profile: era };
}

function modelsOf(name: string): readonly DriverModel[] {
  const all = ALL.get(name);
  if (all !== undefined) return all;
  const model = DRIVER_MODELS.find((one) => one.name === name);
  if (model !== undefined) return [model];
  throw new IntervalidateError(
    "USAGE",
    `There is no driver ${name}: choose from ${DRIVER_NAMES.join(", ")}.`,
  );
}
