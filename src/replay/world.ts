import type { SimulatedDriver } from "../blocking/simulated-driver.ts";
import type { Sleepable } from "../blocking/suspension.ts";
import { Coherence } from "./coherence.ts";
import { Counters } from "./counters.ts";
import { MirrorTable, slotOf } from "./mirror-table.ts";
import { FaultPlanter, type PlantedFault } from "./planted-faults.ts";
import type { SimulatedMm } from "./simulated-mm.ts";

/** What the parts of one replay share. */
export class World {
  readonly driver: SimulatedDriver;
  readonly table: MirrorTable = new MirrorTable();
  readonly coherence: Coherence = new Coherence(this.table);
  readonly counters: Counters = new Counters();
  readonly planter: FaultPlanter;
  /** Device pages that were torn down: their devices want them back. */
  readonly wanted: WantedPages = new WantedPages();
  /** The line of the log that is being replayed. */
  line = 0;
  /** Devices start no new work. */
  stopping = false;
  /** A wall clock in milliseconds for measuring, or nothing. */
  readonly stopwatch: (() => number) | undefined;
  /** Time spent inside start and end, in milliseconds. */
  engineTime = 0;

  constructor(
    driver: SimulatedDriver,
    plant: PlantedFault | undefined,
    stopwatch: (() => number) | undefined,
  ) {
    this.driver = driver;
    this.planter = new FaultPlanter(plant, this.table);
    this.stopwatch = stopwatch;
  }

  /** The owner of a mirror gives it up; a device at work on it finishes first. */
  retireMirror(handle: number): void {
    const slot = slotOf(handle);
    if (this.table.retired[slot] === 1) return;
    this.table.retire(slot);
    if (this.table.users[slot] > 0) return;
    const { mm } = this.table.group[slot];
    if ((mm.space.sequence & 1) === 0) {
      mm.space.mirrors.remove(handle);
      this.#forgetMirror(mm, handle);
      return;
    }
    this.driver.spawn("owner", this.removeMirror(slot));
  }

  /** Removes a retired mirror, sleeping while its address space is frozen. */
  *removeMirror(slot: number): Sleepable<undefined> {
    // Once the removal is done the slot may be another mirror's, before this task runs again.
    const { mm } = this.table.group[slot];
    const handle = this.table.handle[slot];
    yield* mm.space.mirrors.removeSleepable(handle);
    this.#forgetMirror(mm, handle);
  }

  #forgetMirror(mm: SimulatedMm, handle: number): void {
    mm.mirrors.delete(handle);
    this.counters.mirrorsRemoved += 1;
    if (mm.released && mm.mirrors.size === 0) mm.space[Symbol.dispose]();
  }
}

/** A bounded bag of device pages; in a full one newcomers displace others in turn. */
class WantedPages {
  static readonly #CAPACITY = 4096;
  readonly #handles = new Uint32Array(WantedPages.#CAPACITY);
  readonly #pages = new Uint8Array(WantedPages.#CAPACITY);
  #count = 0;
  #displaced = 0;

  get size(): number {
    return this.#count;
  }

  add(handle: number, page: number): void {
    let at = this.#count;
    if (at < WantedPages.#CAPACITY) {
      this.#count += 1;
    } else {
      at = this.#displaced;
      this.#displaced = (at + 1) % WantedPages.#CAPACITY;
    }
    this.#handles[at] = handle;
    this.#pages[at] = page;
  }

  /** Takes page number `at` out, from 0 to `size` - 1 in no order. */
  take(at: number): { handle: number; page: number } {
    this.#count -= 1;
    const taken = { handle: this.#handles[at], page: this.#pages[at] };
    this.#handles[at] = this.#handles[this.#count];
    this.#pages[at] = this.#pages[this.#count];
    return taken;
  }
}
