import type { Engine } from "../engine/engine.ts";

/** The low bits of a handle are its place in the engine, which no other live mirror shares. */
const PLACE = 0xffffff;

const byEngine = new WeakMap<Engine, InsertionNumbers>();

/**
 * When each passive mirror of an engine came into its tree: mirrors of equal start are hit in that
 * order, which can be seen where one of them refuses. All address spaces of an engine share it, because
 * they share its handles.
 */
export class InsertionNumbers {
  #numbers = new Uint32Array(0);

  static of(engine: Engine): InsertionNumbers {
    let numbers = byEngine.get(engine);
    if (numbers === undefined) {
      numbers = new InsertionNumbers();
      byEngine.set(engine, numbers);
    }
    return numbers;
  }

  get(mirror: number): number {
    return this.#numbers[mirror & PLACE];
  }

  set(mirror: number, number: number): void {
    const place = mirror & PLACE;
    if (place >= this.#numbers.length) {
      const grown = new Uint32Array(Math.max(256, 2 * place));
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[place] = number;
  }
}
