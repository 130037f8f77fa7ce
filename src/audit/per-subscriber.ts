/** Something for each subscriber of each address space: notifiers by name, passive mirrors by handle. */
export class PerSubscriber<Value> {
  readonly #spaces = new Map<string, Map<string | number, Value>>();

  get(mm: string, subscriber: string | number): Value | undefined {
    return this.#spaces.get(mm)?.get(subscriber);
  }

  set(mm: string, subscriber: string | number, value: Value): void {
    this.#of(mm).set(subscriber, value);
  }

  delete(mm: string, subscriber: string | number): void {
    this.#spaces.get(mm)?.delete(subscriber);
  }

  /** What is there, or else what is made for it now. */
  of(mm: string, subscriber: string | number, make: () => Value): Value {
    const space = this.#of(mm);
    let value = space.get(subscriber);
    if (value === undefined) {
      value = make();
      space.set(subscriber, value);
    }
    return value;
  }

  #of(mm: string): Map<string | number, Value> {
    let space = this.#spaces.get(mm);
    if (space === undefined) {
      space = new Map();
      this.#spaces.set(mm, space);
    }
    return space;
  }
}

/** As reports name a subscriber. */
export function subscriberName(subscriber: string | number): string {
  return typeof subscriber === "number" ? `mirror ${subscriber}` : subscriber;
}
