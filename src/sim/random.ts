/**
 * The project's one random number generator: 32 bits of state, integer arithmetic only, so that
 * C, AssemblyScript and JavaScript give the same numbers. The mixing constants are those of
 * Chris Wellons' "hash-prospector" triple, the step is the golden ratio.
 */
export class Random {
  #state: number;

  /** @param seed any integer; its low 32 bits are the state */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** The next 32 random bits, 0 to 2^32 - 1. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** An integer from 0 to n - 1, n from 1 to 2^32. Biased by at most n / 2^32. */
  below(n: number): number {
    return Math.floor(this.next() * 2.3283064365386963e-10 * n);
  }

  /** True in `numerator` of `denominator` cases: probabilities are ratios of integers. */
  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator;
  }

  /** A generator of its own for one purpose, so that more draws here do not shift draws there. */
  fork(purpose: number): Random {
    return new Random(this.next() ^ Math.imul(purpose, 0x9e3779b9));
  }
}
