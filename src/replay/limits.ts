// The largest values of a replay's options; the smallest are 0.

/** Handles have 24 bits of slot number, and slot 0 is never given out. */
export const MIRRORS_MAX: number = 2 ** 24 - 1;
export const STRIKES_MAX: number = 1_000_000;
export const SEED_MAX: number = 2 ** 32 - 1;
