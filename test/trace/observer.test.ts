import { expect, test } from "vitest";
import type { Piece, TracedMm } from "../../src/trace/index.ts";
import { recordedLogs } from "./logs.ts";
import { read } from "./support.ts";

const show = ({ start, end }: Piece) => `${start.toString(16)}-${end.toString(16)}`;

/** What an observer is told, with the pieces that it sees at that moment. */
async function told(log: string) {
  const lines: string[] = [];
  const tell = (mm: TracedMm, text: string) =>
    lines.push(`${mm.id} ${text} [${mm.pieces.map(show).join(" ")}]`);
  const facts = await read(log, {
    mmCreated: (mm) => tell(mm, `created ${mm.origin}`),
    event: (event) => tell(event.mm, `${event.type} at line ${event.line}`),
    staleRemoval: (mm, piece, line) => tell(mm, `stale ${show(piece)} at line ${line}`),
    pieceAdded: (mm, piece) => tell(mm, `added ${show(piece)}`),
    pieceCut: (mm, piece, remains) =>
      tell(mm, `cut ${show(piece)} to ${remains.map(show).join(" ")}`),
    mmReleased: (mm) => tell(mm, "released"),
  });
  return { lines, facts };
}

test("an event comes before its removal, a cut after it", async () => {
  const { lines, facts } = await told(
    [
      "junk",
      "1 mmap(NULL, 12288, 0, 2, -1, 0) = 0x1000",
      "1 munmap(0x2000, 4096 <unfinished ...>",
      "1 <... munmap resumed>) = 0",
      "1 mmap(NULL, 8192, 0, 1, -1, 0) = 0x3000",
      "1 fork() = 2",
      "2 munmap(0, 0x10000) = 0",
      "1 +++ exited with 0 +++",
      "",
    ].join("\n"),
  );
  expect(lines).toEqual([
    "1.0 created unseen []",
    "1.0 added 1000-4000 [1000-4000]",
    "1.0 UNMAP at line 3 [1000-4000]",
    "1.0 cut 1000-4000 to 1000-2000 3000-4000 [1000-2000 3000-4000]",
    "1.0 stale 3000-4000 at line 5 [1000-2000 3000-4000]",
    "1.0 cut 3000-4000 to  [1000-2000]",
    "1.0 added 3000-5000 [1000-2000 3000-5000]",
    "1.0 PROTECTION_PAGE at line 6 [1000-2000 3000-5000]",
    "2.0 created fork []",
    "2.0 added 1000-2000 [1000-2000]",
    "2.0 added 3000-5000 [1000-2000 3000-5000]",
    "2.0 UNMAP at line 7 [1000-2000 3000-5000]",
    "2.0 cut 1000-2000 to  []",
    "2.0 cut 3000-5000 to  []",
    "1.0 RELEASE at line 8 [1000-2000 3000-5000]",
    "1.0 released []",
  ]);
  expect(facts).toMatchObject({
    lines: 8,
    tasks: 2,
    mms: 2,
    events: 4,
    peakVmas: 4,
    finalVmas: 0,
    stalePieces: 1,
  });
  expect(facts.calls).toEqual(
    new Map([
      ["fork", 1],
      ["mmap", 2],
      ["munmap", 2],
    ]),
  );
});

test("an observer may leave everything out", async () => {
  expect(await read("1 munmap(0, 1) = 0\n", {})).toMatchObject({ events: 1, mms: 1 });
});

test("overlapping() finds what a plain search finds", async () => {
  await read(
    "1 mmap(NULL, 4096, 0, 2) = 0x1000\n1 mmap(NULL, 4096, 0, 2) = 0x4000\n1 munmap(0, 1) = 0\n",
    {
      event: ({ mm }) => {
        const found = (start: number, end: number) => mm.overlapping(start, end).map(show);
        expect(found(0, 0x1000)).toEqual([]);
        expect(found(0, 0x1001)).toEqual(["1000-2000"]);
        expect(found(0x1fff, 0x4000)).toEqual(["1000-2000"]);
        expect(found(0x1fff, 0x4001)).toEqual(["1000-2000", "4000-5000"]);
        expect(found(0x2000, 0x4000)).toEqual([]);
        expect(found(0x4800, 0x4800)).toEqual([]);
        expect(found(0x5000, 0x9000)).toEqual([]);
      },
    },
  );
});

test("what an observer keeps of pieces is what the address space has", async () => {
  for (const { name, bytes } of recordedLogs.filter(({ name }) =>
    /corner|java|postgres|git-gc/.test(name),
  )) {
    const kept = new Map<TracedMm, Set<Piece>>();
    let events = 0;
    await read(bytes(), {
      mmCreated: (mm) => kept.set(mm, new Set()),
      pieceAdded: (mm, piece) => kept.get(mm)!.add(piece),
      pieceCut: (mm, piece, remains) => {
        expect(kept.get(mm)!.delete(piece)).toBe(true);
        for (const remain of remains) kept.get(mm)!.add(remain);
      },
      mmReleased: (mm) => kept.get(mm)!.clear(),
      event: ({ mm, type, start, end, overlaps }) => {
        if (events++ % 16 !== 0) return;
        const pieces = [...kept.get(mm)!].sort((a, b) => (a.start < b.start ? -1 : 1));
        expect(mm.pieces, name).toEqual(pieces);
        const hit = pieces.filter((piece) => piece.start < end && start < piece.end);
        expect(type === "RELEASE" ? pieces.length : hit.length).toBe(overlaps);
      },
    });
  }
});
