// A simulator of a hundred programs that embeds the engine: each program has an address space, a
// device that mirrors parts of it, an owner that changes it and a reaper that may not wait.
//
//   node examples/simulator.mjs [seed]
//
// What it prints to stdout depends on the seed alone; what it measures goes to stderr.

import { AddressSpace, createEngine, END, RangeIndex } from "intervalidate";
import { Random } from "intervalidate/sim";

const SPACE_COUNT = 100;
const MIRROR_COUNT = 8;
const STEP_COUNT = 20_000;
const PAGE = 4096;
const PAGE_COUNT = 256;

// One engine for the whole world: its address spaces share a bounded memory, and one call ends them
// all. Without an engine of its own the simulator would share that of the program around it.
const engine = createEngine({ maxBytes: 2 ** 20 });

const seed = Number(process.argv[2] ?? 1);
const first = run(seed);
console.log(`seed ${seed}: ${describe(first)}`);

// After a reset the engine is as new: equal seeds give equal runs, down to the handles.
const second = run(seed);
console.log(
  `again: ${JSON.stringify(second) === JSON.stringify(first) ? "the same" : "different"}`,
);
console.log(`seed ${seed + 1}: ${describe(run(seed + 1))}`);

showOutOfMemory();
measure();

/** One run from an empty world to its end. */
function run(seed) {
  engine.reset();
  const random = new Random(seed);
  const world = Array.from({ length: SPACE_COUNT }, (_, i) => createProgram(i, random));
  const counts = { windows: 0, hits: 0, refusals: 0, installs: 0, collisions: 0, digest: 0 };
  for (let i = 0; i < STEP_COUNT; i += 1) {
    const program = world[random.below(SPACE_COUNT)];
    const chance = random.below(10);
    if (chance < 7) stepDevice(program, random, counts);
    else if (chance < 9) unmap(program, random, counts);
    else reap(program, random, counts);
  }
  return counts;
}

/** A program with its address space. Its mirrors are numbers, not objects. */
function createProgram(number, random) {
  const mm = new AddressSpace({ name: `mm-${number}`, engine });
  const mirrors = Array.from({ length: MIRROR_COUNT }, () => {
    const { start, end } = someRange(random);
    return mm.mirrors.insert(start, end);
  });
  return { mm, mirrors, read: undefined };
}

function someRange(random) {
  const start = random.below(PAGE_COUNT) * PAGE;
  return { start, end: start + (1 + random.below(16)) * PAGE };
}

/** The device looks something up, locks the mirror, and installs what it saw if that is still true. */
function stepDevice(program, random, counts) {
  const { mirrors } = program.mm;
  const { read } = program;
  if (read === undefined) {
    const mirror = program.mirrors[random.below(MIRROR_COUNT)];
    program.read = { mirror, sequence: mirrors.readBegin(mirror), locked: false };
  } else if (!read.locked) {
    mirrors.lock(read.mirror);
    read.locked = true;
  } else {
    if (mirrors.readRetry(read.mirror, read.sequence)) counts.collisions += 1;
    else counts.installs += 1;
    mirrors.unlock(read.mirror);
    program.read = undefined;
  }
}

/** The owner may wait: if the device holds a lock, it is let finish first. */
function unmap(program, random, counts) {
  if (program.read?.locked) stepDevice(program, random, counts);
  const window = program.mm.invalidateRangeStart({ ...someRange(random), event: "UNMAP" });
  counts.windows += 1;
  counts.hits += window.hitCount;
  // Here their devices would drop what they have installed. The hits come in any order.
  for (const mirror of window.hits) counts.digest += mirror * counts.windows;
  window.end();
}

/** The reaper may not wait: it is refused where a device holds a lock, and nothing has happened. */
function reap(program, random, counts) {
  const attempt = program.mm.tryInvalidateRangeStart(someRange(random));
  if (attempt.ok) {
    counts.windows += 1;
    counts.hits += attempt.window.hitCount;
    attempt.window.end();
  } else {
    counts.refusals += 1;
  }
}

function describe({ windows, hits, refusals, installs, collisions }) {
  return `${windows} windows, ${hits} hits, ${refusals} refusals, ${installs} installs, ${collisions} collisions`;
}

/** Beyond `maxBytes` an operation throws, and all is as it was before it. */
function showOutOfMemory() {
  engine.reset();
  const mm = new AddressSpace({ engine });
  const starts = Float64Array.from({ length: 1000 }, (_, i) => i * PAGE);
  const ends = starts.map((start) => start + 2 * PAGE);
  let inserted = 0;
  for (;;) {
    try {
      mm.mirrors.insertMany(starts, ends); // all of them, or none
      inserted += starts.length;
    } catch (error) {
      console.log(`${error.name} ${error.code}: ${error.message}`);
      break;
    }
  }
  const window = mm.invalidateRangeStart({ start: 0, end: END });
  console.log(`none of the last thousand came in: ${mm.mirrors.size === inserted}`);
  console.log(`all others are found: ${window.hitCount === inserted}`);
  window.end();
  mm[Symbol.dispose]();
  const next = new AddressSpace({ engine });
  console.log(`room for others once it is gone: ${next.mirrors.insertMany(starts, ends).length}`);
}

/** How often a simulator could start over in a second. */
function measure() {
  const index = new RangeIndex();
  report("one index, 100 ranges, cleared", () => {
    for (let i = 0; i < 100; i += 1) index.insert(i * PAGE, (i + 2) * PAGE);
    index.clear();
  });
  for (const count of [1, 10, 100]) {
    report(`${count} address spaces, 3 mirrors each, reset`, () => {
      for (let i = 0; i < count; i += 1) {
        const { mirrors } = new AddressSpace({ engine });
        for (let j = 0; j < 3; j += 1) mirrors.insert(j * PAGE, (j + 2) * PAGE);
      }
      engine.reset();
    });
  }
}

function report(what, startOver) {
  const begin = performance.now();
  let rounds = 0;
  let milliseconds = 0;
  do {
    for (let i = 0; i < 100; i += 1) startOver();
    rounds += 100;
    milliseconds = performance.now() - begin;
  } while (milliseconds < 300);
  const rate = Math.round((rounds / milliseconds) * 1000);
  console.error(`${what}: ${rate.toLocaleString("en")} times per second`);
}

// prints
//
//   seed 1: 5943 windows, 2930 hits, 29 refusals, 4887 installs, 126 collisions
//   again: the same
//   seed 2: 5942 windows, 2974 hits, 34 refusals, 4891 installs, 126 collisions
//   IntervalidateError OUT_OF_MEMORY: The engine cannot grow beyond its 1048576 bytes: remove intervals, or give createEngine a larger maxBytes.
//   none of the last thousand came in: true
//   all others are found: true
//   room for others once it is gone: 1000
