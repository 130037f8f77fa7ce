/**
 * Names for tasks: unique among those that live at a time, which auditors ask for, and used again, so that
 * there are never more of them than tasks that have lived at a time.
 */
export class TaskNames {
  readonly #taken = new Map<string, Set<number>>();
  readonly #free = new Map<string, number[]>();

  /** `what`, or `what #2` while somebody else is called that. */
  take(what: string): { readonly name: string; release(): void } {
    let taken = this.#taken.get(what);
    if (taken === undefined) {
      taken = new Set();
      this.#taken.set(what, taken);
    }
    let free = this.#free.get(what);
    if (free === undefined) {
      free = [];
      this.#free.set(what, free);
    }
    const number = free.pop() ?? taken.size + 1;
    taken.add(number);
    const release = (): void => {
      taken.delete(number);
      if (taken.size > 0) {
        free.push(number);
        return;
      }
      this.#taken.delete(what);
      this.#free.delete(what);
    };
    return { name: number === 1 ? what : `${what} #${number}`, release };
  }
}
