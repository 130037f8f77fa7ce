// What well-behaved drivers know about their own subscriptions, so that they never ask for what is
// undefined: a second unregister, the removal of what was never inserted.

import type { ModelSide } from "./model-side.ts";
import { nameOfMm, type Operation, type Program } from "./program.ts";

type Place = "out" | "coming" | "in" | "going";

interface ListEntry {
  place: Place;
  getting: number;
}

interface IntervalEntry {
  place: Place;
  /** Readers on the way. */
  readers: number;
}

interface MirrorEntry extends IntervalEntry {
  held: boolean;
  /** Waiting for the lock. */
  lockers: number;
}

interface Window {
  readonly id: number;
  readonly mm: number;
  readonly blockable: boolean;
}

interface MmEntry {
  released: boolean;
  /** Registrations and insertions on the way. */
  coming: number;
}

export class Book {
  readonly #program: Program;
  readonly #model: ModelSide;
  readonly #lists: ListEntry[];
  readonly #intervals: IntervalEntry[];
  readonly #mirrors: MirrorEntry[];
  readonly #mms: MmEntry[];
  readonly #windows: Window[] = [];
  /** Those that have ended, or are about to. */
  readonly #ended: Window[] = [];
  /** What holds a reference, by address space: interval notifiers until their removal returns. */
  readonly #references: number[];

  constructor(program: Program, model: ModelSide) {
    this.#program = program;
    this.#model = model;
    this.#lists = program.lists.map(() => ({ place: "out", getting: 0 }));
    this.#intervals = program.intervals.map(() => ({ place: "out", readers: 0 }));
    this.#mirrors = program.mirrors.map(() => ({
      place: "out",
      readers: 0,
      held: false,
      lockers: 0,
    }));
    this.#mms = Array.from({ length: program.mms }, () => ({ released: false, coming: 0 }));
    this.#references = Array.from({ length: program.mms }, () => 0);
  }

  /** Puts everybody there who is to be there from the beginning. */
  prologue(): Operation[] {
    const { lists, intervals, mirrors } = this.#program;
    return [
      ...lists.flatMap(({ there }, list): Operation[] => (there ? [{ op: "register", list }] : [])),
      ...intervals.flatMap(({ there }, interval): Operation[] =>
        there ? [{ op: "insert", interval }] : [],
      ),
      ...mirrors.flatMap(({ there }, mirror): Operation[] =>
        there ? [{ op: "insert-mirror", mirror }] : [],
      ),
    ];
  }

  /** The operation as it can be done now; undefined if it cannot. */
  resolve(asked: Operation): Operation | undefined {
    switch (asked.op) {
      case "end": {
        const { length } = this.#windows;
        if (length === 0) return undefined;
        return { op: "end", window: this.#windows[asked.window % length].id };
      }
      case "end-again": {
        const { length } = this.#ended;
        if (length === 0) return undefined;
        return { op: "end-again", window: this.#ended[asked.window % length].id };
      }
      case "insert-mirrors": {
        const { mirrors } = this.#program;
        const out = [...new Set(asked.mirrors)].filter((one) => this.#mirrors[one].place === "out");
        const together = out.filter((one) => mirrors[one].mm === mirrors[out[0]].mm);
        return together.length === 0 ? undefined : { op: asked.op, mirrors: together };
      }
      default:
        return this.#isPossible(asked) ? asked : undefined;
    }
  }

  begin(operation: Operation): void {
    this.#mark(operation, 1);
    switch (operation.op) {
      case "end":
        this.#ended.push(
          ...this.#windows.splice(
            this.#windows.findIndex(({ id }) => id === operation.window),
            1,
          ),
        );
        break;
      case "register":
        this.#lists[operation.list].place = "coming";
        break;
      case "unregister":
      case "unregister-no-release":
        this.#lists[operation.list].place = "going";
        break;
      case "insert":
        this.#intervals[operation.interval].place = "coming";
        break;
      case "remove":
        this.#intervals[operation.interval].place = "going";
        break;
      case "remove-mirror":
        this.#mirrors[operation.mirror].place = "going";
        break;
      case "release":
        this.#mms[operation.mm].released = true;
        break;
    }
  }

  end(operation: Operation, id: number, result: string): void {
    this.#mark(operation, -1);
    const isDone = result === "done";
    switch (operation.op) {
      case "start":
        if (!result.startsWith("window")) break;
        this.#windows.push({ id, mm: operation.mm, blockable: operation.blockable });
        break;
      case "end":
        break;
      case "register":
        this.#lists[operation.list].place = isDone ? "in" : "out";
        break;
      case "unregister":
      case "unregister-no-release":
        this.#lists[operation.list].place = isDone ? "out" : "in";
        break;
      case "insert":
        this.#intervals[operation.interval].place = isDone ? "in" : "out";
        this.#count(operation, isDone ? 1 : 0);
        break;
      case "remove":
        this.#intervals[operation.interval].place = isDone ? "out" : "in";
        this.#count(operation, isDone ? -1 : 0);
        break;
      case "insert-mirror":
        this.#mirrors[operation.mirror].place = isDone ? "in" : "out";
        this.#count(operation, isDone ? 1 : 0);
        break;
      case "insert-mirrors":
        for (const mirror of operation.mirrors) {
          this.#mirrors[mirror].place = isDone ? "in" : "out";
          this.#count({ op: "insert-mirror", mirror }, isDone ? 1 : 0);
        }
        break;
      case "remove-mirror":
        this.#mirrors[operation.mirror].place = isDone ? "out" : "in";
        this.#count(operation, isDone ? -1 : 0);
        break;
      case "lock":
        if (isDone) this.#mirrors[operation.mirror].held = true;
        break;
      case "unlock":
        this.#mirrors[operation.mirror].held = false;
        break;
    }
  }

  /** What lets others go on when nobody can: the release of a lock, the end of a window. */
  help(): Operation | undefined {
    const mirror = this.#mirrors.findIndex(({ held }) => held);
    if (mirror >= 0) return { op: "unlock", mirror };
    return this.#windows.length > 0 ? { op: "end", window: 0 } : undefined;
  }

  /** Windows that are open. */
  get open(): number {
    return this.#windows.length;
  }

  /** Interval notifiers of an address space that have been inserted and not removed. */
  references(mm: number): number {
    return this.#references[mm];
  }

  /** Whether whoever performs an operation may sleep. */
  maySleep(operation: Operation): boolean {
    if (operation.op === "start") return operation.blockable;
    if (operation.op === "end") {
      return this.#ended.find(({ id }) => id === operation.window)?.blockable === true;
    }
    return true;
  }

  mmOf(operation: Operation): string {
    return nameOfMm(this.#mmOf(operation));
  }

  #mmOf(operation: Operation): number {
    const { lists, intervals, mirrors } = this.#program;
    if ("mm" in operation) return operation.mm;
    if ("list" in operation) return lists[operation.list].mm;
    if ("interval" in operation) return intervals[operation.interval].mm;
    if ("mirror" in operation) return mirrors[operation.mirror].mm;
    if ("mirrors" in operation) return mirrors[operation.mirrors[0]].mm;
    const window = [...this.#windows, ...this.#ended].find(({ id }) => id === operation.window);
    return window?.mm ?? 0;
  }

  #count(operation: Operation, by: number): void {
    this.#references[this.#mmOf(operation)] += by;
  }

  #isPossible(operation: Operation): boolean {
    switch (operation.op) {
      case "register": {
        const { place, getting } = this.#lists[operation.list];
        const isFree = getting === 0 && this.#model.gets(operation.list) === 0;
        return place === "out" && isFree && !this.#mms[this.#mmOf(operation)].released;
      }
      case "unregister": {
        const { place, getting } = this.#lists[operation.list];
        return place === "in" && getting === 0 && this.#model.gets(operation.list) === 0;
      }
      case "unregister-no-release": {
        if (this.#program.profile !== "v4.19") return false;
        return this.#isPossible({ op: "unregister", list: operation.list });
      }
      case "get": {
        const { place } = this.#lists[operation.list];
        const { released } = this.#mms[this.#mmOf(operation)];
        return !released && (place === "in" || place === "out");
      }
      case "put":
        return this.#model.gets(operation.list) > 0;
      case "insert": {
        const { released } = this.#mms[this.#mmOf(operation)];
        const mm = this.#model.kernel.mms[this.#mmOf(operation)];
        return this.#intervals[operation.interval].place === "out" && (!released || mm.hasItree);
      }
      case "remove":
      case "read":
        return this.#intervals[operation.interval].place === "in";
      case "insert-mirror":
        return this.#mirrors[operation.mirror].place === "out";
      case "remove-mirror": {
        const { place, readers, held, lockers } = this.#mirrors[operation.mirror];
        return place === "in" && readers === 0 && !held && lockers === 0;
      }
      case "read-mirror":
      case "lock":
        return this.#mirrors[operation.mirror].place === "in";
      case "unlock":
        return this.#mirrors[operation.mirror].held;
      case "release": {
        const { released, coming } = this.#mms[operation.mm];
        return !released && coming === 0;
      }
      default:
        return true;
    }
  }

  /** Notes that an operation has begun, or is over. */
  #mark(operation: Operation, by: number): void {
    switch (operation.op) {
      case "register":
      case "insert":
        this.#mms[this.#mmOf(operation)].coming += by;
        break;
      case "get":
        this.#mms[this.#mmOf(operation)].coming += by;
        this.#lists[operation.list].getting += by;
        break;
      case "read":
        this.#intervals[operation.interval].readers += by;
        break;
      case "read-mirror":
        this.#mirrors[operation.mirror].readers += by;
        break;
      case "lock":
        this.#mirrors[operation.mirror].lockers += by;
        break;
    }
  }
}
