import type { Sleepable } from "../../blocking/suspension.ts";
import type { Driver, DriverModel } from "../../drivers/index.ts";
import { IntervalidateError } from "../../errors.ts";
import { type AddressRange, overlap } from "../../sim/drivers/address-range.ts";
import type { Random } from "../../sim/random.ts";
import type { DriverAccount } from "./ledger.ts";
import type { Tasks } from "./tasks.ts";

/** Things that one driver mirrors of one address space, at most. */
const MIRRORED_MAX = 6;
/** Tasks of one driver that are at work at a time, at most. */
const TASKS_MAX = 6;
const PAGE = 4096;
/** Models with page tables of their own walk page by page: they are given no more than so many pages. */
const WALKED_PAGES_MAX = 8;
const WALKS_PAGES: ReadonlySet<string> = new Set(["hmm-2018", "dmirror"]);
/** What the device does with memory that it has got takes it up to so many microseconds. */
const USE_US_MAX = 4000;

/** What begins and what ends the use of a range, where a model tells it from access. */
const USES: readonly { readonly begin?: string; readonly end: string }[] = [
  { end: "signal" },
  { end: "retire" },
  { begin: "submit", end: "complete" },
  { begin: "pin", end: "unpin" },
];

/** A driver that follows one address space, and the device behind it. */
export class AttachedDriver {
  readonly model: DriverModel;
  readonly #driver: Driver;
  readonly #account: DriverAccount;
  readonly #random: Random;
  readonly #tasks: Tasks;
  #mirrored: readonly AddressRange[] = [];
  /** Ranges whose owner is mirroring them, or giving them up: nobody else begins with them meanwhile. */
  #changing: readonly AddressRange[] = [];
  #atWork = 0;
  #closing = false;

  constructor(
    model: DriverModel,
    driver: Driver,
    account: DriverAccount,
    random: Random,
    tasks: Tasks,
  ) {
    this.model = model;
    this.#driver = driver;
    this.#account = account;
    this.#random = random;
    this.#tasks = tasks;
  }

  mirrorsIn(range: AddressRange): boolean {
    return this.#mirrored.some((one) => overlap(one, range));
  }

  /** The process has mapped memory: a seeded choice of that is mirrored, up to a few pieces. */
  mapped(piece: AddressRange): void {
    if (this.#closing || this.#mirrored.length + this.#changing.length >= MIRRORED_MAX) return;
    if (!this.#random.chance(1, 2)) return;
    const range = this.#pages(piece);
    if (range === undefined || this.#changing.some((one) => overlap(one, range))) return;
    this.#changing = [...this.#changing, range];
    this.#spawn("mirror", this.#mirror(range));
  }

  /** A piece has gone, wholly or in part: its owner gives up what it had mirrored there. */
  unmapped(piece: AddressRange): void {
    for (const range of this.#mirrored.filter((one) => overlap(one, piece))) {
      this.#mirrored = this.#mirrored.filter((one) => one !== range);
      this.#changing = [...this.#changing, range];
      this.#spawn("unmirror", this.#unmirror(range));
    }
  }

  /** The device uses something, if it is not busy. */
  use(): void {
    if (this.#closing || this.#mirrored.length === 0 || this.#atWork >= TASKS_MAX) return;
    const range = this.#mirrored[this.#random.below(this.#mirrored.length)];
    this.#spawn("access", this.#use(range, 1 + this.#random.below(USE_US_MAX)));
  }

  /** The device file is closed. */
  detach(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#mirrored = [];
    this.#spawn("detach", this.#driver.detach());
  }

  *#mirror(range: AddressRange): Sleepable<undefined> {
    const errno = yield* this.#driver.mirror(range);
    this.#changing = this.#changing.filter((one) => one !== range);
    if (errno !== 0 || this.#closing) return;
    this.#mirrored = [...this.#mirrored, range];
    this.#account.mirrored += 1;
  }

  *#unmirror(range: AddressRange): Sleepable<undefined> {
    yield* this.#driver.unmirror(range);
    this.#changing = this.#changing.filter((one) => one !== range);
  }

  *#use(range: AddressRange, microseconds: number): Sleepable<undefined> {
    const { device } = this.#account;
    const { operations } = this.#driver;
    const use = USES.find(({ end }) => operations[end] !== undefined);
    device.accesses += 1;
    let errno = yield* this.#driver.access(range);
    if (errno === 0 && use?.begin !== undefined) errno = yield* operations[use.begin](range);
    if (errno !== 0) device.failed += 1;
    // Fences are there as soon as an access was begun, so they signal even if it failed.
    if (use === undefined || (errno !== 0 && use.begin !== undefined)) return;
    yield* this.#tasks.sleep(microseconds);
    yield* operations[use.end](range);
  }

  #spawn(what: string, body: Sleepable<unknown>): void {
    this.#atWork += 1;
    this.#tasks.spawn(`${what} by ${this.#driver.name}`, this.#counted(body));
  }

  *#counted(body: Sleepable<unknown>): Sleepable<undefined> {
    try {
      yield* body;
    } catch (error) {
      // Where the kernel returns an error: the process has exited meanwhile.
      if (!(error instanceof IntervalidateError) || error.errno === undefined) throw error;
    } finally {
      this.#atWork -= 1;
    }
  }

  /** Whole pages of a piece that a driver can take. */
  #pages({ start, end }: AddressRange): AddressRange | undefined {
    // Page tables of models end far below 2^53.
    if (typeof start !== "number" || typeof end !== "number") return undefined;
    const from = Math.ceil(start / PAGE) * PAGE;
    let to = Math.floor(end / PAGE) * PAGE;
    if (WALKS_PAGES.has(this.model.name)) to = Math.min(to, from + WALKED_PAGES_MAX * PAGE);
    return from < to ? { start: from, end: to } : undefined;
  }
}
