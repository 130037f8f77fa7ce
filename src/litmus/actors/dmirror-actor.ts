import type { Sleepable } from "../../blocking/suspension.ts";
import { Dmirror } from "../../hmm/dmirror.ts";
import type { NamedLock } from "../../sim/named-lock.ts";
import type { Value } from "../program.ts";
import type { World } from "../world.ts";
import {
  type Actor,
  type ActorKind,
  NOTHING,
  type Order,
  type PropertyValue,
  pagesOf,
  RANGE,
  rangesOfPages,
} from "./actor.ts";

/** The mirror of the kernel's tests, of a process that the file describes. */
export const DMIRROR: ActorKind = {
  options: ["device"],
  orders: {
    read: RANGE,
    write: { range: true, options: ["data"] },
    snapshot: RANGE,
    migrate: RANGE,
    migrateBack: RANGE,
    exclusive: RANGE,
    close: NOTHING,
  },
  properties: ["entries", "access", "data", "requests", "snapshot", "seq"],
  calls: [""],
  read({ name, fields }) {
    const device = fields.get("device")?.text ?? name;
    return (world, mm) => new DmirrorActor(world, name, mm, device);
  },
};

class DmirrorActor implements Actor {
  readonly #world: World;
  readonly #name: string;
  readonly #mm: string;
  readonly #device: string;
  #mirror: Dmirror | undefined;
  /** Of the last order. */
  #data: readonly number[] = [];
  #requests = 0;
  #snapshot: readonly string[] = [];
  readonly orders: Actor["orders"] = {
    read: ({ range }) =>
      this.#access((mirror, { start, pages }) => mirror.read(start, pages), range),
    write: ({ range, data }) =>
      this.#access((mirror, { start }) => mirror.write(start, data), range),
    migrate: ({ range }) =>
      this.#access((mirror, { start, pages }) => mirror.migrateToDevice(start, pages), range),
    exclusive: ({ range }) =>
      this.#access((mirror, { start, pages }) => mirror.exclusive(start, pages), range),
    migrateBack: ({ range }) => {
      const { start, pages } = pagesOf(range);
      return this.#opened.migrateToSystem(start, pages);
    },
    snapshot: ({ range }) => this.#takeSnapshot(range),
    close: () => this.#close(),
  };

  constructor(world: World, name: string, mm: string, device: string) {
    this.#world = world;
    this.#name = name;
    this.#mm = mm;
    this.#device = device;
  }

  *attach(): Sleepable<Value> {
    const world = this.#world;
    const device = world.device(this.#device);
    const options = { name: this.#name, clock: world.driver };
    this.#mirror = yield* Dmirror.open(world.process(this.#mm), device, options);
    return 0;
  }

  get state(): Readonly<Record<string, PropertyValue>> {
    const { entries } = this.#opened;
    return {
      entries: rangesOfPages(entries.keys()),
      access: [...entries].sort(([a], [b]) => a - b).map(([, { access }]) => access),
      data: this.#data,
      requests: this.#requests,
      snapshot: this.#snapshot,
      seq: this.#opened.notifier.sequence,
    };
  }

  get locks(): readonly NamedLock[] {
    const { mutex } = this.#opened;
    return [this.#world.named(mutex.name, mutex)];
  }

  get #opened(): Dmirror {
    if (this.#mirror === undefined) throw new Error(`${this.#name} was never opened`);
    return this.#mirror;
  }

  *#access(
    act: (
      mirror: Dmirror,
      pages: ReturnType<typeof pagesOf>,
    ) => Sleepable<{
      readonly errno: number;
      readonly data: readonly number[];
      readonly faults: number;
    }>,
    range: Order["range"],
  ): Sleepable<Value> {
    const { errno, data, faults } = yield* act(this.#opened, pagesOf(range));
    this.#data = data;
    this.#requests = faults;
    return errno;
  }

  *#takeSnapshot(range: Order["range"]): Sleepable<Value> {
    const { start, pages } = pagesOf(range);
    const { errno, protections } = yield* this.#opened.snapshot(start, pages);
    this.#snapshot = protections;
    return errno;
  }

  *#close(): Sleepable<Value> {
    yield* this.#opened.close();
    return 0;
  }
}
