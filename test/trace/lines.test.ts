// "Lines" and "Calls" of src/trace/README.md, rule by rule.

import { describe, expect, test } from "vitest";
import { eventsOf, summaryOf } from "./support.ts";

const kindsOf = async (log: string) => {
  const { kinds } = await summaryOf(log);
  return Object.fromEntries(Object.entries(kinds).filter(([, count]) => count > 0));
};
const callsOf = async (log: string) => (await summaryOf(log)).calls;

describe("physical lines", () => {
  test.each([
    ["", 0],
    ["\n", 1],
    ["a", 1],
    ["a\n", 1],
    ["a\n\n", 2],
    ["a\r\nb", 2],
    ["\n\n\n", 3],
  ])("%j has %i", async (log, lines) => {
    expect((await summaryOf(log)).lines).toBe(lines);
  });

  test("a carriage return is a character: the result token is no number", async () => {
    expect(await eventsOf("1 munmap(0x1000, 4096) = 0\r\n")).toEqual([]);
    expect(await eventsOf("1 munmap(0x1000, 4096) = 0 \r\n")).toHaveLength(1);
  });

  test("a byte order mark is a character: the first line has no pid and no name", async () => {
    expect(await kindsOf("\uFEFF1 brk(NULL) = 1\n1 brk(NULL) = 1\n")).toEqual({
      other: 1,
      call: 1,
    });
  });
});

describe("notices", () => {
  const joined: [string, string][] = [
    ["attached", "1 brk(NULLstrace: Process 2 attached\n) = 0x1000\n"],
    ["with a comm", "1 brk(NULLstrace: Process 2<a b> attached\n) = 0x1000\n"],
    ["in another mode", "1 brk(NULLstrace: Process 2 attached in 32 bit mode\n) = 0x1000\n"],
    ["detached", "1 brk(NULLstrace: Process 2 detached\n) = 0x1000\n"],
    ["twice", "1 brk(NUstrace: Process 2 attached\nLLstrace: Process 3 attached\n) = 0x1000\n"],
    [
      "one behind the other",
      "1 brk(NULLstrace: Process 2 attached\nstrace: Process 3 attached\n) = 1\n",
    ],
    ["leftmost begin", "1 brk(NULLstrace: Process 2<strace: Process 3<x> attached\n) = 1\n"],
    [
      "that is cut itself",
      "1 brk(NULLstrace: Process 2<x> attastrace: Process 3 attached\nched\n) = 1\n",
    ],
  ];
  test.each(joined)("%s: cut out, the next line is appended", async (_name, log) => {
    expect(await kindsOf(log)).toEqual({ call: 1 });
  });

  test("at column 0 it is a line of its own", async () => {
    expect(await kindsOf("strace: Process 2 attached\n1 brk(NULL) = 1\n")).toEqual({
      other: 1,
      call: 1,
    });
  });

  test("on the last line it stays", async () => {
    expect(await kindsOf("1 brk(NULL) = 1 strace: Process 2 attached\n")).toEqual({ call: 1 });
    expect(await kindsOf("1 brk(NULLstrace: Process 2 attached\n")).toEqual({ other: 1 });
  });

  test("an empty next line is a next line", async () => {
    const summary = await summaryOf("1 brk(NULL) = 1 strace: Process 2 attached\n\n");
    expect(summary.lines).toBe(2);
    expect(summary.kinds).toMatchObject({ call: 1, other: 0 });
  });

  test.each(["strace: Process attached", "strace: Process x attached", "Process 2 attached"])(
    "%j is none",
    async (text) => {
      expect(await kindsOf(`1 brk(NULL${text}\n) = 1\n`)).toEqual({ other: 2 });
    },
  );
});

describe("prefix", () => {
  const named: [string, string][] = [
    ["12 ", "12.0"],
    ["12   ", "12.0"],
    ["1234567 ", "1234567.0"],
    ["0012 ", "12.0"],
    ["12<a comm> ", "12.0"],
    ["12<> ", "12.0"],
    ["[pid 12] ", "12.0"],
    ["[pid    12]   ", "12.0"],
    ["[pid 12<c(1) = 2>] ", "12.0"],
    ["[pid 12345678901234567890] ", "12345678901234567890.0"],
  ];
  const others = [
    "",
    "12:34:56 ",
    "12:34:56.789012 ",
    "1795358821.684762 ",
    "12345678 ",
    "(+ 0.000123) ",
    "(+     1) ",
    "[00007f5da13acad7] ",
    "[f7f66000] ",
    "[????????????????] ",
    "[  59] ",
    "[0x1b] ",
    "     0.000012 ",
    "[  9] 12:34:56   (+ 0.1) [00007f5da13acad7] 1.5 ",
  ];
  test.each(named)("%j is a pid", async (prefix, id) => {
    for (const more of others) {
      const { per_mm } = await summaryOf(`${prefix}${more}brk(NULL) = 1\n`);
      expect(per_mm.map((mm) => mm.id)).toEqual([id]);
    }
  });

  test.each(others)("%j is skipped", async (prefix) => {
    expect((await summaryOf(`${prefix}brk(NULL) = 1\n`)).per_mm[0]?.id).toBe("0.0");
  });

  test.each([
    "12brk",
    "12 12 ",
    "[pid] ",
    "[pid 12]",
    "[pid12] ",
    "[pid x] ",
    "12<comm ",
    "12:34 ",
    "1:02:03 ",
    "12:34:56. ",
    "(+ ) ",
    "(0.1) ",
    "[F7F66000] ",
    "[f7f6600] ",
    "[] ",
    "[0x] ",
    "[1]",
    "\t",
  ])("%j is none: the line is no call", async (prefix) => {
    expect(await kindsOf(`${prefix}brk(NULL) = 1\n`)).toEqual({ other: 1 });
  });
});

describe("kinds", () => {
  test.each([
    ["--- SIGCHLD {} ---", "signal"],
    ["---", "other"],
    ["+++ exited with 0 +++", "exit"],
    ["+++ anything", "exit"],
    ["+++", "other"],
    ["<... brk resumed>) = 0", "resumed"],
    ["<... brk resumed>", "resumed"],
    ["<... brk resumed> <unfinished ...>", "resumed"],
    ["<... Brk resumed>) = 0", "other"],
    ["<... resuming interrupted read ...>) = 1", "other"],
    ["brk(NULL <unfinished ...>", "unfinished"],
    ["brk(NULL) = 0 <unfinished ...>   ", "unfinished"],
    ["brk(<unfinished ...>", "unfinished"],
    ["brk(NULL <detached ...>", "other"],
    ["brk(NULL) = 1 <detached ...>", "other"],
    ["brk(NULL) = 1 <detached ...> ", "call"],
    ["brk(NULL) = 1", "call"],
    ["brk(NULL)= 1", "other"],
    ["brk(NULL) =1", "other"],
    ["brk(NULL) = ", "call"],
    ["brk(NULL)     = ?", "call"],
    ["_brk9(1) = 1", "call"],
    ["Brk(1) = 1", "other"],
    ["9brk(1) = 1", "other"],
    ["brk (1) = 1", "other"],
    ["brk) = 1", "other"],
    ["brk(1 = 1", "other"],
    [") = 0", "other"],
    ["", "other"],
  ])("%j is %s", async (body, kind) => {
    expect(await kindsOf(`1 ${body}\n`)).toEqual({ [kind]: 1 });
  });

  test("any name counts, also those that mean something to JavaScript", async () => {
    expect(await callsOf("1 __proto__(1) = 0\n1 constructor(1) = 0\n1 toString() = 0\n")).toEqual(
      JSON.parse('{"__proto__":1,"constructor":1,"toString":1}'),
    );
    const { calls } = await summaryOf("1 __proto__(1) = 0\n");
    expect(JSON.stringify(calls)).toBe('{"__proto__":1}');
  });
});

describe("results", () => {
  const unmap = (result: string) => eventsOf(`1 munmap(0x1000, 4096${result}\n`);

  test("the last one counts", async () => {
    expect(await eventsOf('1 munmap(0x1000, 4096, ") = -1 E") = 0\n')).toHaveLength(1);
    expect(await eventsOf('1 munmap(0x1000, 4096, ") = 0") = -1 E\n')).toHaveLength(0);
    expect(await eventsOf("1 munmap(0x1000, 4096)  = = = 0\n")).toHaveLength(0);
  });

  test.each([
    ") = 0",
    ")   = 12",
    ") = 0x0",
    ") = 0<x>",
    ") = 0 (DELAYED)",
    ") = 18446744073709551616",
  ])("%j succeeds", async (result) => {
    expect(await unmap(result)).toHaveLength(1);
  });

  test.each([
    ") = ?",
    ") = -1 EINVAL",
    ") = ",
    ") =  0",
    ") = 0x",
    ") = 0xg",
    ") = -2",
    ") = 0 (INJECTED)",
  ])("%j does not", async (result) => {
    expect(await unmap(result)).toEqual([]);
  });

  test("only -1 counts as failed; INJECTED calls have their own count", async () => {
    const log = [
      ") = -1",
      ") = -1<x>",
      ") = -1 E (INJECTED)",
      ") = 0 (INJECTED)",
      ") = -2",
      ") = ?",
    ]
      .map((result) => `1 munmap(0x1000, 4096${result}\n`)
      .join("");
    const { calls, failed, injected, per_mm } = await summaryOf(log);
    expect({ calls, failed, injected }).toEqual({
      calls: { munmap: 6 },
      failed: { munmap: 3 },
      injected: 2,
    });
    expect(per_mm[0]?.failed).toEqual({ munmap: 3 });
  });

  test("brk fails by answering something else", async () => {
    const { failed } = await summaryOf(
      [
        "NULL) = 5",
        "0) = 5",
        "6) = 5",
        "5) = 5",
        "6) = -1",
        "6) = ?",
        "x) = 5",
        "6) = 7 (INJECTED)",
      ]
        .map((rest) => `1 brk(${rest}\n`)
        .join(""),
    );
    expect(failed).toEqual({ brk: 3 });
  });
});

describe("arguments", () => {
  const start = async (number: string) =>
    (await eventsOf(`1 mprotect(${number}, 1) = 0\n`)).map((event) => event.split(" ")[3]);

  test.each([
    ["NULL", "0"],
    ["0", "0"],
    ["4096", "1000"],
    ["0x1000", "1000"],
    ["0xABCdef", "abcdef"],
    ["010000", "1000"],
    ["00", "0"],
    [" 7 ", "7"],
    ["0x66 /* MADV_??? */", "66"],
    ["/* a *//* b */ 0x6/**/6", "66"],
    ["9007199254740991", "1fffffffffffff"],
    ["9007199254740992", "20000000000000"],
    ["18446744073709551615", "ffffffffffffffff"],
    ["0x0000000000000000000010", "10"],
    ["01777777777777777777777", "ffffffffffffffff"],
    ["0x1000000000000000000000", "1000000000000000000000"],
  ])("%j is a number", async (text, hex) => {
    expect(await start(text)).toEqual([hex]);
  });

  test.each([
    "",
    "-1",
    "+1",
    "0x",
    "0X10",
    "08",
    "1a",
    "1,2",
    "NULL1",
    "/* 1 */",
    "1 /* open",
    "0b1",
    "é",
  ])("%j is none: no effect", async (text) => {
    expect(await start(text)).toEqual([]);
  });

  test("they are separated by a comma and a space, nesting disregarded", async () => {
    expect(await eventsOf("1 mprotect({0x1000, 4096}, 1) = 0\n")).toEqual([]);
    expect(await eventsOf("1 mprotect(0x1000, 4096, {, 1) = 0\n")).toHaveLength(1);
    expect(await eventsOf("1 mprotect(0x1000,4096, 1) = 0\n")).toEqual([]);
  });

  test.each([
    ["MAP_PRIVATE|MAP_ANONYMOUS", "P"],
    ["MAP_SHARED", "S"],
    ["MAP_SHARED_VALIDATE|MAP_SYNC", "S"],
    ["0x1", "S"],
    ["3", "S"],
    ["021", "S"],
    ["0x22 /* MAP_PRIVATE|MAP_ANONYMOUS */", "P"],
    ["0x1 /* MAP_SHARED */", "S"],
    ["MAP_PRIVATE|MAP_SHARED", "S"],
    ["MAP_FILE|0x20|30<<MAP_HUGE_SHIFT", "P"],
    ["0x100000000000000001", "S"],
    ["", "P"],
  ])("flags %j make a piece of type %s", async (flags, type) => {
    const pieces: boolean[] = [];
    const { read } = await import("./support.ts");
    await read(`1 mmap(NULL, 1, 0, ${flags}, -1, 0) = 0x1000\n`, {
      pieceAdded: (_mm, piece) => pieces.push(piece.shared),
    });
    expect(pieces).toEqual([type === "S"]);
  });

  test("a flag word that is missing is needed all the same", async () => {
    expect((await summaryOf("1 mmap(NULL, 1, 0) = 0x1000\n")).final_vmas).toBe(0);
  });
});

describe("halves of calls", () => {
  test("are joined and only then divided", async () => {
    expect(
      await eventsOf("1 mprotect(0x10 <unfinished ...>\n1 <... mprotect resumed>00, 1) = 0\n"),
    ).toEqual(["1.0 PROTECTION_VMA B 1000 2000 0\n"]);
  });

  test("spaces before the mark are cut, so that a comma may lose its space", async () => {
    const log = "1 mprotect(0x1000,  <unfinished ...>\n1 <... mprotect resumed>1) = 0\n";
    expect(await eventsOf(log)).toEqual([]);
    expect(await callsOf(log)).toEqual({ mprotect: 1 });
  });

  const counts = async (...lines: string[]) => {
    const { calls, unfinished_lost, orphan_resumed } = await summaryOf(lines.join("\n"));
    return { calls, lost: unfinished_lost, orphans: orphan_resumed };
  };

  test("a second half alone is an orphan", async () => {
    expect(await counts("1 <... brk resumed>) = 1")).toEqual({ calls: {}, lost: 0, orphans: 1 });
  });

  test("a second half of another name is an orphan and drops the open call", async () => {
    expect(
      await counts(
        "1 brk( <unfinished ...>",
        "1 <... mmap resumed>) = 1",
        "1 <... brk resumed>) = 1",
      ),
    ).toEqual({ calls: {}, lost: 1, orphans: 2 });
  });

  test("a second half without a result ends the call, which is not counted as lost", async () => {
    expect(await counts("1 brk( <unfinished ...>", "1 <... brk resumed> <unfinished ...>")).toEqual(
      {
        calls: {},
        lost: 0,
        orphans: 0,
      },
    );
  });

  test.each([
    "1 brk(NULL) = 1",
    "1 brk(NULL <unfinished ...>",
    "1 +++ exited with 0 +++",
    "1 +++ x",
    "",
  ])("an open call is dropped by %j", async (line) => {
    const { lost } = await counts("1 mmap( <unfinished ...>", line, "1 <... mmap resumed>) = 1");
    expect(lost).toBe(line === "" ? 0 : line.includes("<unfinished") ? 2 : 1);
  });

  test.each(["1 --- SIGCHLD {} ---", "1 junk", "1 brk(NULL <detached ...>", "2 brk(NULL) = 1"])(
    "but not by %j",
    async (line) => {
      const { lost, orphans, calls } = await counts(
        "1 mmap( <unfinished ...>",
        line,
        "1 <... mmap resumed>) = 1",
      );
      expect({ lost, orphans, mmap: calls.mmap }).toEqual({ lost: 0, orphans: 0, mmap: 1 });
    },
  );

  test("the end of the log drops it", async () => {
    expect(await counts("1 brk( <unfinished ...>")).toEqual({ calls: {}, lost: 1, orphans: 0 });
  });

  test("when another thread's exec supersedes it, that thread's call becomes its own", async () => {
    expect(
      await counts(
        "1 brk( <unfinished ...>",
        "2 execve( <unfinished ...>",
        "1 +++ superseded by execve in pid 2 +++",
        "1 <... execve resumed>) = 0",
        "2 <... execve resumed>) = 0",
      ),
    ).toEqual({ calls: { execve: 1 }, lost: 1, orphans: 1 });
  });
});

describe("where calls take effect", () => {
  test("munmap where it begins, other calls where they end", async () => {
    const log = [
      "1 mmap(NULL, 4096, 0, MAP_PRIVATE, -1, 0) = 0x1000",
      "1 munmap(0x1000, 4096 <unfinished ...>",
      "1 mmap(NULL, 4096, 0, MAP_PRIVATE, -1, 0) = 0x1000",
    ];
    // The open munmap is dropped: the piece is in the way.
    expect((await summaryOf(log.join("\n"))).stale_pieces).toBe(1);
    log.splice(2, 1, "2 mprotect(0x1000, 1 <unfinished ...>", "1 <... munmap resumed>) = 0");
    expect(await eventsOf(log.join("\n"))).toEqual(["1.0 UNMAP B 1000 2000 1\n"]);
    log.push("2 <... mprotect resumed>) = 0");
    expect(await eventsOf(log.join("\n"))).toEqual([
      "1.0 UNMAP B 1000 2000 1\n",
      "2.0 PROTECTION_VMA B 1000 2000 0\n",
    ]);
  });

  test("a munmap whose arguments and result come late", async () => {
    const log =
      "1 munmap(0x1 <unfinished ...>\n1 --- X ---\n1 <... munmap resumed>000, 4096) = 0\n";
    expect(await eventsOf(log)).toEqual(["1.0 UNMAP B 1000 2000 0\n"]);
  });

  test.each([
    [") = -1 EINVAL (Invalid argument)", { calls: 1, failed: 1, injected: 0 }],
    [") = ?", { calls: 1, failed: 0, injected: 0 }],
    [") = 0 (INJECTED)", { calls: 1, failed: 0, injected: 1 }],
    ["", { calls: 0, failed: 0, injected: 0 }],
  ])("a munmap that ends with %j does nothing where it begins", async (tail, counts) => {
    const log = `1 munmap(0x1000, 4096 <unfinished ...>\n1 <... munmap resumed>${tail}\n`;
    expect(await eventsOf(log)).toEqual([]);
    const { calls, failed, injected } = await summaryOf(log);
    expect({ calls: calls.munmap ?? 0, failed: failed.munmap ?? 0, injected }).toEqual(counts);
  });
});
