// The table of effects in src/trace/README.md, row by row, and the sums over events.

import { describe, expect, test } from "vitest";
import type { TracedMm } from "../../src/trace/index.ts";
import { eventsOf, read, summaryOf } from "./support.ts";

/** Runs calls of process 1: the events, the pieces left in the newest mm, the stale pieces. */
async function outcome(...calls: string[]) {
  const log = calls.map((call) => (/^\d/.test(call) ? `${call}\n` : `1 ${call}\n`)).join("");
  const events = (await eventsOf(log)).map((text) => text.trimEnd().split(" ").slice(1).join(" "));
  const mms: TracedMm[] = [];
  await read(log, { mmCreated: (mm) => mms.push(mm) });
  const pieces = mms
    .at(-1)!
    .pieces.map(
      ({ start, end, shared }) => `${start.toString(16)}-${end.toString(16)}${shared ? "S" : ""}`,
    );
  return { events, pieces, stale: (await summaryOf(log)).stale_pieces };
}

const map = (start: string, length: string | number, flags = "MAP_PRIVATE") =>
  `mmap(NULL, ${length}, 0, ${flags}, -1, 0) = ${start}`;

describe("mmap", () => {
  test("adds a piece, its length rounded up", async () => {
    expect(await outcome(map("0x1000", 1), map("0x3000", 4097, "MAP_SHARED"))).toEqual({
      events: [],
      pieces: ["1000-2000", "3000-5000S"],
      stale: 0,
    });
  });

  test("of length 0, failed, or without a number: nothing", async () => {
    expect(
      (await outcome(map("0x1000", 0), map("0x1000", "x"), map("-1 ENOMEM", 1), map("?", 1)))
        .pieces,
    ).toEqual([]);
  });

  test("neighbours are not merged", async () => {
    expect((await outcome(map("0x1000", 4096), map("0x2000", 4096))).pieces).toEqual([
      "1000-2000",
      "2000-3000",
    ]);
  });

  test("MAP_FIXED over something unmaps the whole range", async () => {
    expect(
      await outcome(map("0x1000", 12288), map("0x2000", 4096, "MAP_SHARED|MAP_FIXED")),
    ).toEqual({
      events: ["UNMAP B 2000 3000 1"],
      pieces: ["1000-2000", "2000-3000S", "3000-4000"],
      stale: 0,
    });
  });

  test("MAP_FIXED over nothing: no event", async () => {
    expect((await outcome(map("0x1000", 4096, "MAP_FIXED"))).events).toEqual([]);
  });

  test.each(["MAP_PRIVATE", "MAP_FIXED|MAP_FIXED_NOREPLACE", "MAP_FIXED_NOREPLACE"])(
    "%s over something: that was stale",
    async (flags) => {
      expect(
        await outcome(map("0x1000", 8192), map("0x4000", 4096), map("0x2000", 16384, flags)),
      ).toEqual({
        events: [],
        pieces: ["1000-2000", "2000-6000"],
        stale: 2,
      });
    },
  );

  test("mmap2 and old_mmap are the same", async () => {
    expect(
      (await outcome("mmap2(0, 1, 0, 2) = 0x1000", "old_mmap(0, 1, 0, 1) = 0x2000")).pieces,
    ).toEqual(["1000-2000", "2000-3000S"]);
  });

  test("at and beyond the top of the address space nothing wraps", async () => {
    const { pieces, events } = await outcome(
      map("0xfffffffffffff000", 8192),
      map("0x1fffffffffff000", 4096),
      "munmap(0xfffffffffffff000, 4096) = 0",
    );
    expect(pieces).toEqual([
      "1fffffffffff000-200000000000000",
      "10000000000000000-10000000000001000",
    ]);
    expect(events).toEqual(["UNMAP B fffffffffffff000 10000000000000000 1"]);
  });

  test("across 2^53 pieces stay in order", async () => {
    const { pieces } = await outcome(
      map("0x20000000000000", 4096),
      map("0x1ffffffffff000", 4096),
      map("0x1fffffffffe000", 4096),
      "munmap(0x1fffffffffe800, 4096) = 0",
    );
    expect(pieces).toEqual(["1fffffffffe000-1fffffffffe800", "20000000000000-20000000001000"]);
  });
});

describe("munmap", () => {
  test("always an event, holes or not", async () => {
    expect((await outcome("munmap(0x1000, 1) = 0")).events).toEqual(["UNMAP B 1000 2000 0"]);
  });

  test("rounds the end, not the length", async () => {
    expect((await outcome("munmap(0x1800, 4096) = 0")).events).toEqual(["UNMAP B 1800 3000 0"]);
  });

  test("cuts pieces in two, in part, and whole", async () => {
    expect(await outcome(map("0x1000", 0x5000), "munmap(0x2000, 4096) = 0")).toMatchObject({
      pieces: ["1000-2000", "3000-6000"],
    });
    expect(
      await outcome(
        map("0x1000", 0x2000),
        map("0x4000", 4096),
        map("0x6000", 0x2000),
        "munmap(0x2000, 0x5000) = 0",
      ),
    ).toMatchObject({ events: ["UNMAP B 2000 7000 3"], pieces: ["1000-2000", "7000-8000"] });
  });

  test("of length 0 or failed: nothing", async () => {
    expect(
      (await outcome("munmap(0x1000, 0) = 0", "munmap(0x1000, 1) = -1 EINVAL")).events,
    ).toEqual([]);
  });
});

describe("mremap", () => {
  test("same place, same size: nothing", async () => {
    expect(
      await outcome(map("0x1000", 4096), "mremap(0x1000, 4096, 4000, MREMAP_MAYMOVE) = 0x1000"),
    ).toEqual({
      events: [],
      pieces: ["1000-2000"],
      stale: 0,
    });
  });

  test("growth in place is a piece of its own, with the attribute of the old one", async () => {
    expect(
      await outcome(
        map("0x1000", 4096, "MAP_SHARED"),
        map("0x2000", 4096),
        "mremap(0x1000, 4096, 12288, 0) = 0x1000",
      ),
    ).toEqual({ events: [], pieces: ["1000-2000S", "2000-4000S"], stale: 1 });
  });

  test("shrinking unmaps the tail", async () => {
    expect(
      await outcome(map("0x1000", 12288), "mremap(0x1000, 12288, 4096, 0) = 0x1000"),
    ).toMatchObject({
      events: ["UNMAP B 2000 4000 1"],
      pieces: ["1000-2000"],
    });
  });

  test("a move: two events for the old range", async () => {
    expect(
      await outcome(
        map("0x1000", 4096, "MAP_SHARED"),
        map("0x8000", 4096),
        "mremap(0x1000, 4096, 8192, MREMAP_MAYMOVE) = 0x8000",
      ),
    ).toEqual({
      events: ["UNMAP B 1000 2000 1", "UNMAP B 1000 2000 1"],
      pieces: ["8000-a000S"],
      stale: 1,
    });
  });

  test("a move that shrinks unmaps the tail first", async () => {
    expect(
      await outcome(map("0x1000", 8192), "mremap(0x1000, 8192, 4096, 1) = 0x8000"),
    ).toMatchObject({
      events: ["UNMAP B 2000 3000 1", "UNMAP B 1000 2000 1", "UNMAP B 1000 2000 1"],
      pieces: ["8000-9000"],
    });
  });

  test("MREMAP_FIXED unmaps what is at the target", async () => {
    expect(
      await outcome(
        map("0x1000", 4096),
        map("0x7000", 8192),
        "mremap(0x1000, 4096, 4096, MREMAP_MAYMOVE|MREMAP_FIXED, 0x8000) = 0x8000",
      ),
    ).toEqual({
      events: ["UNMAP B 8000 9000 1", "UNMAP B 1000 2000 1", "UNMAP B 1000 2000 1"],
      pieces: ["7000-8000", "8000-9000"],
      stale: 0,
    });
    expect(
      (await outcome(map("0x1000", 4096), "mremap(0x1000, 4096, 4096, 3, 0x8000) = 0x8000")).events,
    ).toHaveLength(2);
  });

  test("MREMAP_DONTUNMAP leaves the old piece and has one event", async () => {
    expect(
      await outcome(
        map("0x1000", 4096),
        "mremap(0x1000, 4096, 4096, MREMAP_MAYMOVE|MREMAP_DONTUNMAP) = 0x8000",
      ),
    ).toMatchObject({
      events: ["UNMAP B 1000 2000 1"],
      pieces: ["1000-2000", "8000-9000"],
    });
  });

  test("an old length of 0 copies a mapping: no event", async () => {
    expect(
      await outcome(map("0x1000", 4096, "MAP_SHARED"), "mremap(0x1000, 0, 4096, 1) = 0x8000"),
    ).toMatchObject({
      events: [],
      pieces: ["1000-2000S", "8000-9000S"],
    });
  });

  test("of something unknown: private", async () => {
    expect(await outcome("mremap(0x1000, 4096, 4096, 1) = 0x8000")).toMatchObject({
      events: ["UNMAP B 1000 2000 0", "UNMAP B 1000 2000 0"],
      pieces: ["8000-9000"],
    });
  });
});

describe("mprotect and madvise", () => {
  test("mprotect: the length is rounded, not the end; pieces stay whole", async () => {
    expect(
      await outcome(
        map("0x1000", 8192),
        "mprotect(0x1800, 1, 0) = 0",
        "pkey_mprotect(0x1000, 1, 0, 1) = 0",
      ),
    ).toEqual({
      events: ["PROTECTION_VMA B 1800 2800 1", "PROTECTION_VMA B 1000 2000 1"],
      pieces: ["1000-3000"],
      stale: 0,
    });
    expect((await outcome("mprotect(0x1000, 0, 0) = 0")).events).toEqual([]);
  });

  test.each([
    "MADV_DONTNEED",
    "MADV_FREE",
    "MADV_REMOVE",
    "MADV_DONTNEED_LOCKED",
    "4",
    "0x18 /* ? */",
    "010",
  ])("madvise %s clears", async (advice) => {
    expect((await outcome(`madvise(0x1000, 1, ${advice}) = 0`)).events).toEqual([
      "CLEAR B 1000 2000 0",
    ]);
  });

  test.each([
    "MADV_COLD",
    "0x66 /* MADV_??? */",
    "MADV_DONTNEED|MADV_FREE",
    "0x100000004",
    "0",
    "",
  ])("madvise %j does not", async (advice) => {
    expect((await outcome(`madvise(0x1000, 1, ${advice}) = 0`)).events).toEqual([]);
  });

  test("madvise that failed with ENOMEM has worked where something was mapped", async () => {
    const failed = "madvise(0x1000, 8192, MADV_FREE) = -1 ENOMEM (Cannot allocate memory)";
    expect((await outcome(failed)).events).toEqual([]);
    expect((await outcome(map("0x2000", 4096), failed)).events).toEqual(["CLEAR B 1000 3000 1"]);
    for (const other of [
      failed.replace("ENOMEM", "EINVAL"),
      `${failed} (INJECTED)`,
      failed.replace("FREE", "COLD"),
    ]) {
      expect((await outcome(map("0x2000", 4096), other)).events).toEqual([]);
    }
  });
});

describe("brk", () => {
  test("is unknown at first, whatever is asked for", async () => {
    expect((await outcome("brk(0x5000) = 0x5000")).pieces).toEqual([]);
    expect((await outcome("brk(0x5000) = 0x5000", "brk(0x6000) = 0x6000")).pieces).toEqual([
      "5000-6000",
    ]);
    expect((await outcome("brk(0x5000) = 0x4000", "brk(0x6000) = 0x6000")).pieces).toEqual([
      "4000-6000",
    ]);
  });

  test("grows and shrinks by whole pages, and stays where it is refused", async () => {
    const calls = ["brk(NULL) = 0x4000", "brk(0x6800) = 0x6800", "brk(0x6900) = 0x6900"];
    expect(await outcome(...calls)).toMatchObject({ events: [], pieces: ["4000-7000"] });
    calls.push(
      "brk(0x9000) = 0x6900",
      "brk(NULL) = 0x9000",
      "brk(0x5001) = 0x5001",
      "brk(0x5000) = 0x5000",
    );
    expect(await outcome(...calls)).toEqual({
      events: ["UNMAP B 6000 7000 1", "UNMAP B 5000 6000 1"],
      pieces: ["4000-5000"],
      stale: 0,
    });
    expect(
      (await outcome("brk(NULL) = 0x1000", map("0x1000", 4096), "brk(0x3000) = 0x3000")).stale,
    ).toBe(1);
  });
});

describe("shared memory", () => {
  test("has the size that shmget said, or one page", async () => {
    expect(
      await outcome(
        "shmget(IPC_PRIVATE, 5000, 0600) = 7",
        "shmat(7, NULL, 0) = 0x1000",
        "shmat(8, NULL, SHM_RDONLY) = 0x8000",
      ),
    ).toEqual({ events: [], pieces: ["1000-3000S", "8000-9000S"], stale: 0 });
    expect(
      (
        await outcome(
          "shmget(1, 8192, 0) = 7",
          "shmget(1, 0, 0) = 7",
          "2 shmat(7, NULL, 0) = 0x1000",
        )
      ).pieces,
    ).toEqual(["1000-3000S"]);
  });

  test("over something: stale, or SHM_REMAP's event", async () => {
    expect(await outcome(map("0x1000", 4096), "shmat(7, NULL, 0) = 0x1000")).toMatchObject({
      events: [],
      stale: 1,
    });
    expect(await outcome(map("0x1000", 4096), "shmat(7, 0x1000, SHM_REMAP) = 0x1000")).toEqual({
      events: ["UNMAP B 1000 2000 1"],
      pieces: ["1000-2000S"],
      stale: 0,
    });
  });

  test("shmdt: one event for each piece of that attach", async () => {
    expect(
      await outcome(
        "shmget(1, 12288, 0) = 7",
        "shmat(7, 0, 0) = 0x1000",
        map("0x4000", 1),
        "munmap(0x2000, 1) = 0",
        "shmdt(0x1000) = 0",
      ),
    ).toMatchObject({
      events: ["UNMAP B 2000 3000 1", "UNMAP B 1000 2000 1", "UNMAP B 3000 4000 1"],
      pieces: ["4000-5000"],
    });
  });

  test("shmdt of something unknown: one page", async () => {
    expect(await outcome(map("0x1000", 8192), "shmdt(0x1000) = 0")).toMatchObject({
      events: ["UNMAP B 1000 2000 1"],
      pieces: ["2000-3000"],
    });
  });

  test("a later attach with the same address does not hide the rest of an earlier one", async () => {
    expect(
      await outcome(
        "shmget(1, 12288, 0) = 7",
        "shmat(7, 0, 0) = 0x1000",
        "shmat(9, 0, SHM_REMAP) = 0x1000",
        "shmdt(0x1000) = 0",
      ),
    ).toMatchObject({
      events: ["UNMAP B 1000 2000 1", "UNMAP B 1000 2000 1", "UNMAP B 2000 4000 1"],
      pieces: [],
    });
  });

  test("a fork copies tags", async () => {
    expect(
      (await outcome("shmat(7, 0, 0) = 0x1000", "fork() = 2", "2 shmdt(0x1000) = 0")).pieces,
    ).toEqual([]);
  });
});

describe("remap_file_pages", () => {
  test("rounds down, unmaps, adds one shared piece", async () => {
    expect(
      await outcome(map("0x1000", 12288), "remap_file_pages(0x2fff, 8191, 0, 0, 0) = 0"),
    ).toMatchObject({
      events: ["UNMAP B 2000 3000 1"],
      pieces: ["1000-2000", "2000-3000S", "3000-4000"],
    });
    expect((await outcome("remap_file_pages(0x2000, 4095, 0, 0, 0) = 0")).events).toEqual([]);
  });
});

describe("process_mrelease", () => {
  test("non-blockable events for the private pieces of the target; the pieces stay", async () => {
    const log = [
      `2 ${map("0x1000", 1)}`,
      `2 ${map("0x3000", 1, "MAP_SHARED")}`,
      `2 ${map("0x5000", 1)}`,
    ];
    log.push(
      "1 process_mrelease(3<pid:2>, 0 <unfinished ...>",
      "1 <... process_mrelease resumed>) = 0",
    );
    const summary = await summaryOf(`${log.join("\n")}\n`);
    expect(await eventsOf(`${log.join("\n")}\n`)).toEqual([
      "2.0 UNMAP N 1000 2000 1\n",
      "2.0 UNMAP N 5000 6000 1\n",
    ]);
    expect(summary).toMatchObject({ nonblockable: 2, final_vmas: 3, mrelease_unresolved: 0 });
    expect(summary.per_mm).toMatchObject([
      { nonblockable: 2, calls: { mmap: 3 } },
      { calls: { process_mrelease: 1 } },
    ]);
  });

  test.each(["3", "3<pidfd>", "3<pid:9>", "<pid:1>", "x3<pid:1>"])(
    "%j leads nowhere",
    async (target) => {
      expect((await summaryOf(`1 process_mrelease(${target}, 0) = 0\n`)).mrelease_unresolved).toBe(
        1,
      );
    },
  );

  test("a failed one is not even looked at", async () => {
    expect((await summaryOf("1 process_mrelease(3, 0) = -1 EAGAIN\n")).mrelease_unresolved).toBe(0);
  });
});

test("other calls only count", async () => {
  const names = [
    "mlock",
    "msync",
    "mbind",
    "move_pages",
    "process_madvise",
    "userfaultfd",
    "io_setup",
  ];
  expect(
    (await outcome(map("0x1000", 1), ...names.map((name) => `${name}(0x1000, 4096, 4) = 0`)))
      .events,
  ).toEqual([]);
});

describe("sums", () => {
  test("bytes, overlaps, intersections, peaks", async () => {
    const log = [
      map("0x1000", 0x3000),
      map("0x8000", 0x2000),
      "munmap(0x2000, 0x7000) = 0",
      map("0x20000", 0x4000),
      "+++ exited with 0 +++",
    ];
    expect(await summaryOf(log.map((call) => `1 ${call}\n`).join(""))).toMatchObject({
      events: { RELEASE: 1, UNMAP: 1 },
      bytes: String(0x7000 + 0x1000 + 0x1000 + 0x4000),
      overlaps: 2 + 3,
      overlap_bytes: String(0x2000 + 0x1000 + 0x6000),
      peak_vmas: 3,
      final_vmas: 0,
    });
  });

  test("are exact beyond 2^53 and 2^64", async () => {
    const log =
      "1 munmap(0, 0xfffffffffffff000) = 0\n".repeat(3) +
      "1 munmap(0, 9007199254736896) = 0\n".repeat(3);
    expect((await summaryOf(log)).bytes).toBe(
      String(3n * (0xfffffffffffff000n + 9007199254736896n)),
    );
  });

  test("an intermediate state of one call is no peak", async () => {
    const log = `1 ${map("0x1000", 0x3000)}\n1 ${map("0x2000", 0x1000, "MAP_FIXED")}\n1 munmap(0, 0x10000) = 0\n`;
    expect((await summaryOf(log)).peak_vmas).toBe(3);
  });
});
