// Scripts by hand, with what goes without saying left out.

import type {
  IntervalScript,
  ListScript,
  MirrorScript,
  Operation,
  StartAnswer,
} from "./program.ts";

/** Half-open, in places: two that overlap in [3, 4). */
export const LOW = { from: 2, to: 4 };
export const HIGH = { from: 3, to: 5 };

export function list(starts: readonly StartAnswer[], rest: Partial<ListScript> = {}): ListScript {
  return {
    mm: 0,
    there: true,
    starts,
    end: false,
    range: false,
    release: false,
    secondaryTlb: false,
    young: null,
    pauses: 0,
    puts: null,
    typed: false,
    ...rest,
  };
}

export function interval(
  places: { readonly from: number; readonly to: number },
  rest: Partial<IntervalScript> = {},
): IntervalScript {
  return {
    mm: 0,
    there: false,
    ...places,
    answers: ["set"],
    twoPass: false,
    locks: false,
    pauses: 0,
    typed: false,
    ...rest,
  };
}

export function mirror(
  places: { readonly from: number; readonly to: number },
  rest: Partial<MirrorScript> = {},
): MirrorScript {
  return { mm: 0, there: false, ...places, ...rest };
}

export function start(from: number, to: number, blockable: boolean): Operation {
  return { op: "start", mm: 0, from, to, blockable, event: "CLEAR" };
}
