import { beforeEach, describe, expect, it } from "vitest";
import { createEngine } from "../../src/engine/engine.ts";
import { AddressSpace } from "../../src/notifier/address-space.ts";
import type { ProfileName } from "../../src/notifier/profile.ts";
import type { InvalidationWindow } from "../../src/notifier/window.ts";
import { Coherence, type Witness } from "../../src/replay/coherence.ts";
import { MirrorGroup } from "../../src/replay/mirror-group.ts";
import { MirrorTable, slotOf } from "../../src/replay/mirror-table.ts";
import { SimulatedMm } from "../../src/replay/simulated-mm.ts";
import type { TracedMm } from "../../src/trace/index.ts";

const PAGE = 4096;
const engine = createEngine();

let table: MirrorTable;
let coherence: Coherence;
let mm: SimulatedMm;
let other: SimulatedMm;
/** Two mirrors of pages 0 and 1, one of page 1, one of page 3, one of page 0 of another space. */
let low: number[];
let second: number;
let far: number;
let foreign: number;

function simulated(id: string, profile: ProfileName = "strict"): SimulatedMm {
  const traced: TracedMm = {
    id,
    parent: null,
    origin: "unseen",
    pieces: [],
    overlapping: () => [],
  };
  return new SimulatedMm(traced, new AddressSpace({ name: id, profile, engine }), table);
}

function piece(startPage: number, endPage: number) {
  return { start: startPage * PAGE, end: endPage * PAGE, shared: false };
}

function insert(into: SimulatedMm, startPage: number, endPage: number, count: number): number[] {
  const group = new MirrorGroup(into, startPage * PAGE, endPage * PAGE, 0);
  into.addGroup(group);
  for (let i = 0; i < count; i += 1) {
    table.add(into.space.mirrors.insert(group.start, group.end), group);
  }
  return group.handles;
}

beforeEach(() => {
  engine.reset();
  table = new MirrorTable();
  coherence = new Coherence(table);
  mm = simulated("1.0");
  other = simulated("2.0");
  mm.addPiece(piece(0, 4));
  other.addPiece(piece(0, 4));
  low = insert(mm, 0, 2, 2);
  [second] = insert(mm, 1, 2, 1);
  [far] = insert(mm, 3, 4, 1);
  [foreign] = insert(other, 0, 1, 1);
});

function start(startPage: number, endPage: number): [Witness, InvalidationWindow] {
  const range = { start: startPage * PAGE, end: endPage * PAGE };
  const witness = coherence.witness(mm, range.start, range.end, 7, false);
  return [witness, mm.space.invalidateRangeStart(range)];
}

function kinds(): string[] {
  return coherence.violations.map(({ kind }) => kind);
}

describe("the check of a start", () => {
  it("passes the engine's own answer", () => {
    const [witness, window] = start(0, 2);
    coherence.checkStart(witness, window, window.hits);
    expect([...window.hits].sort()).toEqual([...low, second].sort());
    expect(coherence.violations).toEqual([]);
  });

  it.each([
    ["a mirror that lies apart", () => far],
    ["a mirror of another address space", () => foreign],
    ["a handle whose slot is another mirror's", () => low[0] + 2 ** 24],
  ])("finds %s on the hit list", (_, extra) => {
    const [witness, window] = start(0, 2);
    coherence.checkStart(witness, window, Uint32Array.of(...window.hits, extra()));
    expect(kinds()).toEqual(["wrong-hit"]);
    expect(coherence.violations[0].line).toBe(7);
  });

  it("finds a mirror that stands on the hit list in place of another of the same range", () => {
    const [witness, window] = start(0, 1);
    coherence.checkStart(witness, window, Uint32Array.of(low[0], low[0]));
    expect(kinds().sort()).toEqual(["missed-hit", "wrong-hit"]);
    expect(coherence.violations.map(({ message }) => message).join()).toContain(
      `mirror ${low[1]} `,
    );
  });

  it("finds each mirror that is not on the hit list", () => {
    const [witness, window] = start(0, 2);
    coherence.checkStart(witness, window, Uint32Array.of(low[1]));
    expect(kinds()).toEqual(["missed-hit", "missed-hit"]);
  });

  it("finds a sequence that was not set, and one that should not have been", () => {
    const [witness, window] = start(0, 2);
    mm.space.mirrors.tree.setSequence(low[1], 1);
    mm.space.mirrors.tree.setSequence(far, window.sequence);
    coherence.checkStart(witness, window, window.hits);
    expect(kinds()).toEqual(["unset-sequence", "wrong-sequence"]);
  });

  it("lets a mirror be hit in a hole only", () => {
    mm.cutPiece(piece(0, 4), [piece(0, 1), piece(2, 4)], () => {});
    const [witness, window] = start(1, 2);
    coherence.checkStart(witness, window, window.hits);
    expect(window.hits.length).toBe(3);
    expect([witness.overlapping, coherence.violations]).toEqual([[], []]);
  });
});

describe("the check of a refused start", () => {
  /** Ascending: page 0 twice, page 1 (locked), page 1 again, page 2. */
  let mirrors: number[];
  let locked: number;

  function refusing(profile: ProfileName): void {
    mm = simulated("3.0", profile);
    mm.addPiece(piece(0, 4));
    mirrors = [
      ...insert(mm, 0, 1, 2),
      ...insert(mm, 1, 2, 1),
      ...insert(mm, 1, 3, 1),
      ...insert(mm, 2, 3, 1),
    ];
    locked = mirrors[2];
    mm.space.mirrors.lock(locked);
  }

  function attempt(): Witness {
    const witness = coherence.witness(mm, 0, 4 * PAGE, 7, true);
    const result = mm.space.tryInvalidateRangeStart({ start: 0, end: 4 * PAGE });
    expect(result).toMatchObject({ ok: false, refusedBy: locked });
    return witness;
  }

  const sequences = (): number[] =>
    mirrors.map((handle) => mm.space.mirrors.tree.sequenceOf(handle));

  it.each([
    ["v6.12", 4, [3, 3, 1, 1, 1]],
    ["strict", 2, [1, 1, 1, 1, 1]],
  ] as const)("%s: passes what the profile leaves behind", (profile, sequence, left) => {
    refusing(profile);
    coherence.checkRefusal(attempt(), locked);
    expect([mm.space.sequence, sequences()]).toEqual([sequence, left]);
    expect(coherence.violations).toEqual([]);
  });

  it.each([
    ["v6.12", 0, 1, "unset-sequence"],
    ["v6.12", 2, 3, "wrong-sequence"],
    ["v6.12", 3, 3, "wrong-sequence"],
    ["v6.12", 4, 3, "wrong-sequence"],
    ["strict", 0, 3, "wrong-sequence"],
  ] as const)("%s: finds mirror %i with sequence %i: %s", (profile, mirror, sequence, kind) => {
    refusing(profile);
    const witness = attempt();
    mm.space.mirrors.tree.setSequence(mirrors[mirror], sequence);
    coherence.checkRefusal(witness, locked);
    expect(kinds()).toEqual([kind]);
    expect(coherence.violations[0].message).toContain(`mirror ${mirrors[mirror]} of `);
  });

  it("finds a sequence of the address space that is not what it must be", () => {
    refusing("v6.12");
    const witness = attempt();
    mm.space.tryInvalidateRangeStart({ start: 0, end: PAGE });
    coherence.checkRefusal(witness, locked);
    expect(kinds()).toContain("wrong-sequence");
    expect(coherence.violations[0].message).toMatch(/^3\.0 has sequence 5 .* instead of 4$/);
  });

  it("lets the tree stay frozen while another window is open", () => {
    refusing("v6.12");
    const range = { start: 2 * PAGE, end: 3 * PAGE };
    const others = coherence.witness(mm, range.start, range.end, 6, false);
    const window = mm.space.invalidateRangeStart(range);
    mm.openWindows.add({ window, line: 6 });
    coherence.checkStart(others, window, window.hits);
    coherence.checkRefusal(attempt(), locked);
    expect(sequences()).toEqual([3, 3, 1, 3, 3]);
    expect(coherence.violations).toEqual([]);
    // An own start while that one is open: those apart keep the sequence that both share.
    mm.space.mirrors.unlock(locked);
    const [witness, second] = start(1, 2);
    coherence.checkStart(witness, second, second.hits);
    expect(coherence.violations).toEqual([]);
    const [again, third] = start(1, 2);
    mm.space.mirrors.tree.setSequence(mirrors[0], 1);
    coherence.checkStart(again, third, third.hits);
    expect(kinds()).toEqual(["wrong-sequence"]);
  });

  it("knows that what was inserted into a frozen tree comes in backwards", () => {
    refusing("v6.12");
    const window = mm.space.invalidateRangeStart({ start: 2 * PAGE, end: 3 * PAGE });
    const group = new MirrorGroup(mm, 0, PAGE, mm.space.sequence);
    mm.addGroup(group);
    for (let i = 0; i < 3; i += 1) {
      table.add(mm.space.mirrors.insert(group.start, group.end), group);
    }
    window.end();
    const [oldest, middle, newest] = group.handles;
    mm.space.mirrors.unlock(locked);
    locked = middle;
    mm.space.mirrors.lock(locked);
    coherence.checkRefusal(attempt(), locked);
    mirrors = [newest, middle, oldest];
    expect(sequences()).toEqual([5, 3, 3]);
    expect(coherence.violations).toEqual([]);
  });
});

describe("the check of an end", () => {
  it("finds an entry of before the change, of any mirror, in the changed pages only", () => {
    table.install(slotOf(low[1]), 0, coherence.changes);
    table.install(slotOf(low[0]), 1, coherence.changes);
    const [witness, window] = start(0, 1);
    coherence.change(witness);
    window.end();
    coherence.checkEnd(witness);
    expect(kinds()).toEqual(["stale-entry"]);
    expect(coherence.violations[0].message).toContain(`mirror ${low[1]} `);
  });

  it("finds none that was torn down or looked up after the change", () => {
    table.install(slotOf(low[1]), 0, coherence.changes);
    table.tearDown(slotOf(low[1]), 0);
    const [witness, window] = start(0, 1);
    coherence.change(witness);
    window.end();
    table.install(slotOf(low[0]), 0, coherence.changes);
    coherence.checkEnd(witness);
    expect(coherence.violations).toEqual([]);
  });
});

describe("who watches a piece", () => {
  it("mirrors that reach over a hole from either side watch what is mapped there, once", () => {
    const orphans: number[] = [];
    const collect = (handle: number) => orphans.push(handle);
    const across = insert(mm, 0, 4, 1);
    mm.cutPiece(piece(0, 4), [piece(0, 1), piece(3, 4)], collect);
    // The mirror of page 1 has no memory left.
    expect(orphans).toEqual([second]);
    mm.addPiece(piece(1, 3));
    const watching = mm.watchersOf(piece(1, 3)).flatMap(({ handles }) => handles);
    expect(watching.sort()).toEqual([...low, ...across].sort());
    mm.cutPiece(piece(0, 1), [], collect);
    mm.cutPiece(piece(1, 3), [], collect);
    expect(orphans).toEqual([second, ...low]);
    mm.dropPieces(collect);
    expect(orphans).toEqual([second, ...low, far, ...across]);
  });
});
