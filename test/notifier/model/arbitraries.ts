// Random programs.

import fc from "fast-check";
import type { ProfileName } from "../../../src/notifier/profile.ts";
import type { InvalidationEvent } from "../../../src/notifier/range.ts";
import {
  type IntervalAnswer,
  type IntervalScript,
  type ListScript,
  type MirrorScript,
  type Operation,
  PLACES,
  type Program,
  type StartAnswer,
  TOO_FAR,
} from "./program.ts";

/** The places between which nearly everything happens, so that ranges meet. */
const MIDDLE = fc.integer({ min: 2, max: 6 });
const STARTS = fc.oneof(
  { weight: 12, arbitrary: MIDDLE },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: PLACES.length - 2 }) },
);
const ENDS = fc.oneof(
  { weight: 12, arbitrary: MIDDLE },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: PLACES.length - 1 }) },
);

interface Places {
  readonly from: number;
  readonly to: number;
}

/** Neither empty nor inverted. */
const PROPER: fc.Arbitrary<Places> = fc
  .tuple(STARTS, ENDS)
  .map(([a, b]) => (a < b ? { from: a, to: b } : { from: Math.min(b, a), to: a + 1 }));

/** For subscribers: now and then the last byte of the space alone, which a release does not reach. */
const SUBSCRIBED: fc.Arbitrary<Places> = fc.oneof(
  { weight: 16, arbitrary: PROPER },
  { weight: 1, arbitrary: fc.constant({ from: PLACES.length - 2, to: PLACES.length - 1 }) },
);

/** Whatever the places give. */
const ANY: fc.Arbitrary<Places> = fc.record({ from: STARTS, to: ENDS });

const MOSTLY_PROPER = fc.oneof({ weight: 12, arbitrary: PROPER }, { weight: 1, arbitrary: ANY });

const EVENTS: fc.Arbitrary<InvalidationEvent> = fc.constantFrom("UNMAP", "CLEAR", "MIGRATE");

const START_ANSWERS: fc.Arbitrary<StartAnswer> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<StartAnswer>("approve") },
  { weight: 4, arbitrary: fc.constant<StartAnswer>("refuse-if-non-blocking") },
  { weight: 1, arbitrary: fc.constantFrom<StartAnswer>("refuse", "busy") },
);

const INTERVAL_ANSWERS: fc.Arbitrary<IntervalAnswer> = fc.oneof(
  { weight: 10, arbitrary: fc.constant<IntervalAnswer>("set") },
  { weight: 4, arbitrary: fc.constant<IntervalAnswer>("refuse-if-non-blocking") },
  { weight: 2, arbitrary: fc.constant<IntervalAnswer>("skip") },
  { weight: 1, arbitrary: fc.constantFrom<IntervalAnswer>("refuse", "set-and-refuse") },
);

const TWO_PASS_ANSWERS: fc.Arbitrary<IntervalAnswer> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<IntervalAnswer>("finish") },
  { weight: 1, arbitrary: INTERVAL_ANSWERS },
  { weight: 1, arbitrary: fc.constant<IntervalAnswer>("refuse-with-finish") },
);

/** True in one of `n`. */
const oneIn = (n: number): fc.Arbitrary<boolean> => fc.nat(n - 1).map((drawn) => drawn === n - 1);

interface Size {
  readonly mms: number;
  readonly lists: number;
  readonly intervals: number;
  readonly mirrors: number;
  readonly tasks: number;
  readonly operations: number;
  readonly schedule: number;
  /** Points inside a callback, at most. */
  readonly pauses: number;
}

export const INTERLEAVED: Size = {
  mms: 2,
  lists: 3,
  intervals: 4,
  mirrors: 3,
  tasks: 5,
  operations: 6,
  schedule: 80,
  pauses: 2,
};

export const SEQUENTIAL: Size = {
  mms: 2,
  lists: 3,
  intervals: 5,
  mirrors: 5,
  tasks: 4,
  operations: 24,
  schedule: 80,
  pauses: 0,
};

/** Most of what there is belongs to the first address space. */
function mmOf({ mms }: Size): fc.Arbitrary<number> {
  return fc.nat(3).map((drawn) => (drawn === 3 ? mms - 1 : 0));
}

function lists(size: Size, profile: ProfileName): fc.Arbitrary<ListScript[]> {
  const isOld = profile === "v4.19" || profile === "v5.5";
  const one: fc.Arbitrary<ListScript> = fc.record({
    mm: mmOf(size),
    there: fc.constantFrom(true, true, false),
    starts: fc.oneof(
      { weight: 1, arbitrary: fc.constant<StartAnswer[]>([]) },
      { weight: 1, arbitrary: fc.constant<StartAnswer[]>(["approve"]) },
      { weight: 2, arbitrary: fc.array(START_ANSWERS, { minLength: 1, maxLength: 4 }) },
    ),
    end: fc.boolean(),
    range: isOld ? fc.boolean() : fc.constant(false),
    release: fc.boolean(),
    secondaryTlb: oneIn(16),
    young: fc.constantFrom(null, false, true),
    pauses: fc.nat(size.pauses),
    puts: fc.constantFrom<ListScript["puts"]>(null, null, null, null, "end", "release"),
    typed: fc.boolean(),
  });
  return fc.array(one, { maxLength: size.lists });
}

function intervals(size: Size, profile: ProfileName): fc.Arbitrary<IntervalScript[]> {
  const mayBeTwoPass = profile === "next";
  const answers = (twoPass: boolean): fc.Arbitrary<IntervalAnswer[]> =>
    fc.array(twoPass ? TWO_PASS_ANSWERS : INTERVAL_ANSWERS, { minLength: 1, maxLength: 4 });
  const places = fc.oneof(
    { weight: 24, arbitrary: SUBSCRIBED },
    { weight: 1, arbitrary: ANY },
    { weight: 1, arbitrary: PROPER.map(({ from }) => ({ from, to: TOO_FAR })) },
  );
  const one = (mayBeTwoPass ? fc.boolean() : fc.constant(false)).chain((twoPass) =>
    fc
      .record({
        mm: mmOf(size),
        there: fc.boolean(),
        places,
        answers: answers(twoPass),
        locks: fc.boolean(),
        pauses: fc.nat(size.pauses),
        typed: fc.boolean(),
      })
      .map(({ places: { from, to }, ...rest }) => ({ ...rest, from, to, twoPass })),
  );
  return fc.array(one, { maxLength: size.intervals });
}

function mirrors(size: Size): fc.Arbitrary<MirrorScript[]> {
  const one = fc
    .record({ mm: mmOf(size), there: fc.boolean(), places: SUBSCRIBED })
    .map(({ places: { from, to }, ...rest }) => ({ ...rest, from, to }));
  return fc.array(one, { maxLength: size.mirrors });
}

function operations(size: Size, counts: Counts): fc.Arbitrary<Operation> {
  const mm = mmOf(size);
  const weighted: fc.WeightedArbitrary<Operation>[] = [];
  const add = (weight: number, arbitrary: fc.Arbitrary<Operation>): void => {
    weighted.push({ weight, arbitrary });
  };
  add(
    14,
    fc
      .record({ mm, places: MOSTLY_PROPER, blockable: fc.boolean(), event: EVENTS })
      .map(({ places: { from, to }, ...rest }) => ({ op: "start", from, to, ...rest })),
  );
  add(
    14,
    fc.nat(5).map((window) => ({ op: "end", window })),
  );
  add(
    1,
    fc.nat(5).map((window) => ({ op: "end-again", window })),
  );
  add(
    1,
    mm.map((one) => ({ op: "synchronize", mm: one })),
  );
  add(
    1,
    fc
      .tuple(mm, oneIn(3))
      .map(([one, really]) => ({ op: really ? "release" : "test-young", mm: one })),
  );
  if (counts.lists > 0) {
    const list = fc.nat(counts.lists - 1);
    const ops = [
      "register",
      "register",
      "unregister",
      "unregister",
      "unregister",
      "get",
      "put",
      "put",
      "unregister-no-release",
    ] as const;
    add(
      12,
      fc.tuple(list, fc.constantFrom(...ops)).map(([one, op]) => ({ op, list: one })),
    );
    add(
      1,
      fc
        .tuple(mm, fc.constantFrom("clear-flush-young" as const, "clear-young" as const))
        .map(([one, op]) => ({ op, mm: one })),
    );
  }
  if (counts.intervals > 0) {
    const interval = fc.nat(counts.intervals - 1);
    const ops = ["insert", "insert", "remove", "remove", "read", "read"] as const;
    add(
      16,
      fc.tuple(interval, fc.constantFrom(...ops)).map(([one, op]) => ({ op, interval: one })),
    );
  }
  if (counts.mirrors > 0) {
    const mirror = fc.nat(counts.mirrors - 1);
    const ops = [
      "insert-mirror",
      "insert-mirror",
      "remove-mirror",
      "read-mirror",
      "lock",
      "unlock",
      "unlock",
    ] as const;
    add(
      14,
      fc.tuple(mirror, fc.constantFrom(...ops)).map(([one, op]) => ({ op, mirror: one })),
    );
    add(
      1,
      fc
        .array(mirror, { maxLength: counts.mirrors })
        .map((some) => ({ op: "insert-mirrors", mirrors: some })),
    );
  }
  return fc.oneof(...weighted);
}

interface Counts {
  readonly lists: number;
  readonly intervals: number;
  readonly mirrors: number;
}

export function programs(profile: ProfileName, size: Size): fc.Arbitrary<Program> {
  const hasIntervals = profile !== "v4.19";
  return fc
    .record({
      lists: lists(size, profile),
      intervals: hasIntervals ? intervals(size, profile) : fc.constant([]),
      mirrors: hasIntervals ? mirrors(size) : fc.constant([]),
    })
    .chain((scripts) => {
      const operation = operations(size, {
        lists: scripts.lists.length,
        intervals: scripts.intervals.length,
        mirrors: scripts.mirrors.length,
      });
      const task = fc.array(operation, { minLength: 1, maxLength: size.operations });
      return fc.record({
        profile: fc.constant(profile),
        mms: fc.constant(size.mms),
        lists: fc.constant(scripts.lists),
        intervals: fc.constant(scripts.intervals),
        mirrors: fc.constant(scripts.mirrors),
        tasks: fc.array(task, { minLength: 1, maxLength: size.tasks }),
        schedule: fc.array(fc.nat(11), { maxLength: size.schedule }),
      });
    });
}
