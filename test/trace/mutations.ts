// Damaged copies of real logs, and logs made from nothing, both from a seed.

import type { Random } from "../../src/sim/random.ts";

const pick = <T>(random: Random, from: readonly T[]): T => from[random.below(from.length)]!;

/** A stretch of a log with a few things changed in it. */
export function mutatedLog(random: Random, log: string, linesMax: number): string {
  const all = log.split("\n");
  const from = random.chance(1, 3) ? 0 : random.below(Math.max(1, all.length - linesMax));
  const lines = all.slice(from, from + 1 + random.below(linesMax));
  const changes = 1 + random.below(8);
  for (let i = 0; i < changes; i++) pick(random, lineChanges)(random, lines);
  let text = lines.join("\n");
  if (random.chance(1, 3)) text = pick(random, textChanges)(random, text);
  return text;
}

type LineChange = (random: Random, lines: string[]) => void;

/** Replaces one line by what `change` makes of it. */
function onLine(change: (line: string, random: Random) => string): LineChange {
  return (random, lines) => {
    const at = random.below(lines.length);
    lines[at] = change(lines[at] ?? "", random);
  };
}

/** Replaces one of the matches in the line. */
function oneOf(pattern: RegExp, by: (found: string, random: Random) => string) {
  return (line: string, random: Random): string => {
    const matches = [...line.matchAll(pattern)];
    if (matches.length === 0) return line;
    const match = pick(random, matches);
    const rest = line.slice(match.index + match[0].length);
    return line.slice(0, match.index) + by(match[0], random) + rest;
  };
}

const PID = /^(\[pid +\d+(<[^>]*>)?\]|\d{1,7}(<[^>]*>)?) +/;

const ODD_NUMBERS = [
  "0",
  "00",
  "010",
  "08",
  "0x",
  "0X10",
  "NULL",
  "-1",
  "1",
  "4095",
  "4096",
  "0x1000",
  "0x7ffffffff000",
  "9007199254740991",
  "9007199254740992",
  "0x1fffffffffffff",
  "0x20000000000000",
  "18446744073709551615",
  "0xfffffffffffff000",
  "0xffffffffffffffffffff",
  "123456789012345678901234567890",
  "0x0000000000000000001000",
  "4096 /* 1 page */",
  "/* none */",
  "8 /* MADV_FREE */",
  "8|9",
  "24|NULL",
  "0x100000004",
  "MAP_SHARED|MAP_FIXED",
  "MAP_PRIVATE|0x10",
  "MAP_PRIVATE|MAP_FIXED|MAP_FIXED_NOREPLACE",
  "MREMAP_MAYMOVE|MREMAP_FIXED",
  "MREMAP_MAYMOVE|MREMAP_DONTUNMAP",
  "MADV_DONTNEED_LOCKED",
  "é",
];

const RESULTS = [
  "0",
  "-1 ENOMEM (Cannot allocate memory)",
  "-1  ENOMEM",
  "-1",
  "-1 EINVAL",
  "-1 (errno 18446744073709551554)",
  "?",
  "? ERESTARTSYS (To be restarted)",
  "0x7f0000000000",
  "0 (INJECTED)",
  "-1 ENOMEM (Cannot allocate memory) (INJECTED)",
  "0 (DELAYED)",
  "12<pipe:[5]>",
  "",
  "0\r",
  "-38",
];

const INSERTED_LINES = [
  "strace: Process 17 attached",
  "+++ exited with 0 +++",
  "+++ killed by SIGKILL +++",
  "--- SIGSEGV {si_signo=SIGSEGV} ---",
  "<... mmap resumed>) = 0x7f0000000000",
  "<... munmap resumed>) = 0",
  "munmap(0x7f0000000000, 8192 <unfinished ...>",
  "clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>",
  "<... clone resumed>, child_tidptr=0x1) = 17",
  'execve("/bin/true", ["true"], 0x7ffe /* 4 vars */) = 0',
  "exit_group(0) = ?",
  "process_mrelease(4<pid:17>, 0) = 0",
  "wait4(-1, <detached ...>",
  "",
  "   ",
  "12 apples",
  "__proto__(1) = 0",
  "constructor(1) = 0",
];

const NOTICES = [
  "strace: Process 17 attached",
  "strace: Process 17<a> attached",
  "strace: Process 17<strace: Process 1> detached",
  "strace: Process 17 attached in 32 bit mode",
  "strace: Process 17<x> attached in 64 bit mode",
  "strace: Process 17 detached",
  "strace: Process x attached",
];

const lineChanges: LineChange[] = [
  (random, lines) => {
    const a = random.below(lines.length);
    const b = random.chance(1, 2) ? Math.min(a + 1, lines.length - 1) : random.below(lines.length);
    [lines[a], lines[b]] = [lines[b]!, lines[a]!];
  },
  (random, lines) => {
    if (lines.length > 1) lines.splice(random.below(lines.length), 1 + random.below(3));
    if (lines.length === 0) lines.push("");
  },
  (random, lines) => {
    const at = random.below(lines.length);
    lines.splice(at, 0, ...lines.slice(at, at + 1 + random.below(4)));
  },
  (random, lines) => {
    const at = random.below(lines.length);
    const moved = lines.splice(at, 1 + random.below(4));
    lines.splice(random.below(lines.length + 1), 0, ...moved);
  },
  (random, lines) => {
    const at = random.below(lines.length);
    const prefix = PID.exec(lines[at] ?? "")?.[0] ?? "";
    lines.splice(at, 0, prefix + pick(random, INSERTED_LINES));
  },
  (random, lines) => {
    // Some or all lines lose their pid.
    const denominator = 1 + random.below(4);
    for (const [i, line] of lines.entries()) {
      if (random.chance(1, denominator)) lines[i] = line.replace(PID, "");
    }
  },
  (random, lines) => {
    // A line gets the pid of another, or one process gets the number of another everywhere.
    const from = PID.exec(pick(random, lines))?.[0];
    const to = PID.exec(pick(random, lines))?.[0];
    if (from === undefined || to === undefined) return;
    const at = random.below(lines.length);
    if (random.chance(1, 2)) lines[at] = lines[at]!.replace(PID, to);
    else {
      for (const [i, line] of lines.entries()) {
        if (line.startsWith(from)) lines[i] = to + line.slice(from.length);
      }
    }
  },
  (random, lines) => {
    // The second half of a call swaps places with something before it.
    const halves = lines.flatMap((line, i) => (line.includes(" resumed>") ? [i] : []));
    if (halves.length === 0) return;
    const at = pick(random, halves);
    const to = random.below(at + 1);
    lines.splice(to, 0, ...lines.splice(at, 1));
  },
  (random, lines) => {
    // A call is torn in two halves.
    const at = random.below(lines.length);
    const line = lines[at]!;
    const prefix = PID.exec(line)?.[0] ?? "";
    const name = /([a-z_][A-Za-z0-9_]*)\(/.exec(line);
    if (name === null) return;
    const cut = name.index + name[0].length + random.below(line.length - name.index);
    const after = at + 1 + random.below(4);
    lines[at] = `${line.slice(0, cut)} <unfinished ...>`;
    lines.splice(after, 0, `${prefix}<... ${name[1]} resumed>${line.slice(cut)}`);
  },
  (random, lines) => {
    const at = random.below(lines.length);
    const line = lines[at]!;
    const cut = random.below(line.length + 1);
    lines.splice(at, 1, line.slice(0, cut) + pick(random, NOTICES), line.slice(cut));
  },
  (random, lines) => {
    const pids = lines.flatMap((line) => /\d+/.exec(PID.exec(line)?.[0] ?? "")?.[0] ?? []);
    if (pids.length === 0) return;
    const prefix = PID.exec(pick(random, lines))?.[0] ?? "";
    const line = pick(random, [
      `+++ superseded by execve in pid ${pick(random, pids)} +++`,
      `clone(child_stack=NULL, flags=SIGCHLD) = ${pick(random, pids)}`,
      `clone(child_stack=NULL, flags=CLONE_VM|SIGCHLD) = ${pick(random, pids)}`,
      `vfork() = ${pick(random, pids)}`,
      `process_mrelease(3<pid:${pick(random, pids)}>, 0) = 0`,
    ]);
    lines.splice(random.below(lines.length + 1), 0, prefix + line);
  },
  onLine(oneOf(/0x[0-9a-f]+|\b\d+\b/g, (_found, random) => pick(random, ODD_NUMBERS))),
  onLine(oneOf(/\d/g, (_found, random) => String(random.below(10)))),
  onLine(oneOf(/= .*$/g, (_found, random) => `= ${pick(random, RESULTS)}`)),
  onLine(oneOf(/[A-Z_]{4,}(\|[A-Z_]+)*/g, (_found, random) => pick(random, ODD_NUMBERS))),
  onLine(oneOf(/ +/g, (found, random) => pick(random, ["", "  ", `${found} `, "\t", ", "]))),
  onLine(oneOf(/[(),<>=[\]|]/g, (found, random) => pick(random, ["", found + found, " ", ")"]))),
  onLine(
    oneOf(/\b(mmap|munmap|mprotect|madvise|brk|clone3?|execve|mremap|wait4)\b/g, (_found, random) =>
      pick(random, ["mmap", "munmap", "brk", "vfork", "mmap2", "shmdt", "mremap", "clone", "x"]),
    ),
  ),
  onLine((line, random) => line.slice(0, random.below(line.length + 1))),
  onLine((line, random) => line.slice(random.below(line.length + 1))),
  onLine((line) => `${line} (INJECTED)`),
  onLine((line) => `${line}\r`),
  onLine((line) => ` ${line}`),
];

const textChanges: ((random: Random, text: string) => string)[] = [
  (random, text) => text.slice(0, random.below(text.length + 1)),
  (_random, text) => `${text}\n`,
  (_random, text) => text.replaceAll("\n", "\r\n"),
  (random, text) => {
    const at = random.below(text.length + 1);
    return text.slice(0, at) + pick(random, ["\n", "\0", "é", "\u2028", "\uFEFF"]) + text.slice(at);
  },
  (random, text) => {
    const at = text.indexOf("\n", random.below(text.length + 1));
    return at < 0 ? text : text.slice(0, at) + text.slice(at + 1);
  },
  (_random, text) => text + text,
];

/** Random bytes written over a log. */
export function withRandomBytes(random: Random, log: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(log);
  for (let i = 1 + random.below(40); i > 0 && bytes.length > 0; i--) {
    bytes[random.below(bytes.length)] = random.below(256);
  }
  return bytes;
}

/** A log of a few processes that share a small range of addresses, so that everything meets. */
export function syntheticLog(random: Random, linesMax: number): string {
  const pids = ["5", "6", "7", "8"].slice(0, 1 + random.below(4));
  const style = random.below(5);
  const page = () => `0x${(0x10000 + 0x1000 * random.below(24)).toString(16)}`;
  const address = () =>
    random.chance(1, 12) ? pick(random, ODD_NUMBERS) : random.chance(1, 8) ? `${page()}8` : page();
  const length = () =>
    random.chance(1, 12)
      ? pick(random, ODD_NUMBERS)
      : String(4096 * random.below(7) + random.below(2));
  const type = () =>
    pick(random, ["MAP_PRIVATE", "MAP_SHARED", "MAP_SHARED_VALIDATE", "0x1", "0x2 /* private */"]);
  const fixed = () =>
    pick(random, ["", "", "|MAP_FIXED", "|MAP_FIXED|MAP_FIXED_NOREPLACE", "|0x10"]);
  const pid = () => pick(random, pids);
  const advice = () =>
    pick(random, ["MADV_DONTNEED", "MADV_FREE", "MADV_REMOVE", "0x18", "MADV_COLD", "4 /* x */"]);
  const zero = (): string => (random.chance(1, 6) ? pick(random, RESULTS) : "0");
  const value = (usual: string): string => (random.chance(1, 8) ? pick(random, RESULTS) : usual);
  /** Argument text and result of one call. */
  const calls: (() => [string, string, string])[] = [
    () => ["mmap", `NULL, ${length()}, PROT_READ, ${type()}${fixed()}, -1, 0`, value(page())],
    () => {
      const at = address();
      return [
        pick(random, ["mmap", "mmap2", "old_mmap"]),
        `${at}, ${length()}, 0, ${type()}${fixed()}`,
        value(at),
      ];
    },
    () => ["munmap", `${address()}, ${length()}`, zero()],
    () => ["munmap", `${address()}, ${length()}`, zero()],
    () => {
      const at = address();
      const flags = pick(random, [
        "MREMAP_MAYMOVE",
        "0",
        "MREMAP_MAYMOVE|MREMAP_FIXED, 0x20000",
        "7",
        "MREMAP_MAYMOVE|MREMAP_DONTUNMAP",
      ]);
      return [
        "mremap",
        `${at}, ${length()}, ${length()}, ${flags}`,
        value(random.chance(1, 2) ? at : page()),
      ];
    },
    () => [
      pick(random, ["mprotect", "pkey_mprotect"]),
      `${address()}, ${length()}, PROT_READ`,
      zero(),
    ],
    () => [
      "madvise",
      `${address()}, ${length()}, ${advice()}`,
      random.chance(1, 3) ? RESULTS[1]! : zero(),
    ],
    () => ["brk", "NULL", page()],
    () => {
      const at = address();
      return ["brk", at, random.chance(1, 5) ? page() : at];
    },
    () => ["shmget", `IPC_PRIVATE, ${length()}, IPC_CREAT|0600`, value(String(random.below(3)))],
    () => [
      "shmat",
      `${random.below(3)}, NULL, ${pick(random, ["0", "SHM_REMAP", "SHM_RND|SHM_REMAP", "040000"])}`,
      value(page()),
    ],
    () => ["shmdt", address(), zero()],
    () => ["remap_file_pages", `${address()}, ${length()}, 0, 0, 0`, zero()],
    () => [
      "process_mrelease",
      `${random.below(9)}${pick(random, ["<pid:", "<pidfd:"])}${pid()}>, 0`,
      zero(),
    ],
    () => [
      pick(random, ["clone", "clone3"]),
      pick(random, [
        "child_stack=NULL, flags=SIGCHLD, x=1",
        "{flags=CLONE_VM|CLONE_FS, a=1}",
        "{flags=0x100}",
        "0x100, 0",
        "17, 0x100",
        "{a=1}",
        "x",
      ]),
      value(pid()),
    ],
    () => [pick(random, ["fork", "vfork"]), "", value(pid())],
    () => [pick(random, ["execve", "execveat"]), '"/bin/x) = 0", [], 0x1 /* 3 vars */', zero()],
    () => ["wait4", "-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL", pid()],
    () => ["exit_group", "0", "?"],
  ];
  const open = new Map<string, [string, string][]>();
  const lines: string[] = [];
  for (let i = 1 + random.below(linesMax); i > 0; i--) {
    const who = pid();
    const half = open.get(who)?.pop();
    let body: string;
    if (half !== undefined && random.chance(7, 8)) body = `<... ${half[0]} resumed>${half[1]}`;
    else if (random.chance(1, 14)) {
      body = pick(random, [
        "+++ exited with 0 +++",
        "+++ killed by SIGKILL +++",
        `+++ superseded by execve in pid ${pid()} +++`,
        "--- SIGCHLD {si_signo=SIGCHLD} ---",
        "<... mmap resumed>) = 0x12000",
        "+++ else +++",
        "wait4(-1, <detached ...>",
        "strace: Process 9 attached",
        "hello, mmap(NULL, 1) = 0x1",
      ]);
    } else {
      const [name, args, result] = pick(random, calls)();
      const tail = `${pick(random, [")", ")   ", ") "])} = ${result}`.replace(/\) *(?= = )/, ")");
      if (random.chance(1, 4)) {
        const cut = random.chance(2, 3) ? args.length : random.below(args.length + 1);
        body = `${name}(${args.slice(0, cut)} <unfinished ...>`;
        const halves = open.get(who) ?? [];
        open.set(who, [...halves, [name, args.slice(cut) + tail]]);
      } else body = `${name}(${args}${tail}`;
    }
    const prefix = [
      `${who} `,
      `[pid ${who.padStart(5)}] `,
      random.chance(1, 2) ? "" : `[pid ${who}<x y>] `,
      "",
      `${who}<comm> 12:00:0${random.below(10)}.5 `,
    ][style]!;
    lines.push(prefix + body);
  }
  let text = lines.join("\n");
  if (random.chance(3, 4)) text += "\n";
  return text;
}

const PARTS = [
  "strace: Process ",
  "strace: Process 1",
  "strace: Process 12<",
  "strace: Process 3<a>",
  " attached",
  " attached\n",
  " attached in ",
  "64",
  " bit mode",
  " bit mode\n",
  " detached\n",
  "<",
  ">",
  "5",
  "\n",
  "7 brk(",
  "NULL) = 0",
  "strace: Process 3<a> attached\n",
  "strace: Process 3 detached\n",
];

/** Pieces of notices in any order: what is cut out and what is joined must come out the same. */
export function noticesInPieces(random: Random): string {
  let text = "";
  for (let i = 1 + random.below(24); i > 0; i--) text += pick(random, PARTS);
  return `${text}\n7 brk(NULL) = 1 (x)\n8 fork() = 9`;
}

const PREFIX_PARTS = [
  "[pid ",
  "[",
  "]",
  "] ",
  " ",
  "  ",
  "12",
  "1234567",
  "12345678",
  "<c d>",
  "<",
  "12:34:56",
  "12:34",
  ".",
  ".25",
  "(+",
  ")",
  ") ",
  "1.5 ",
  "0x2f",
  "0X",
  "abcdef01",
  "00007f5da13acad7",
  "????????",
  "brk(NULL) = 1",
  "<... brk resumed>) = 1",
  "--- ",
  "+++ exited",
  "brk(<unfinished ...>",
];

/** Anything in front of a body, and bodies in the middle of it. */
export function prefixesInPieces(random: Random): string {
  let text = "";
  for (let line = 0; line < 8; line++) {
    for (let i = random.below(8); i > 0; i--) text += pick(random, PREFIX_PARTS);
    text += random.chance(2, 3) ? "brk(NULL) = 1\n" : "\n";
  }
  return text;
}

const CALL_PARTS = [
  "munmap(",
  "brk(",
  "0x1000",
  "010",
  ", ",
  ",",
  " ",
  ")",
  ") = ",
  ")  = ",
  "= ",
  "=",
  "0",
  "-1 ENOMEM",
  "(INJECTED)",
  "<unfinished ...>",
  "<detached ...>",
  "<... munmap resumed>",
  "<... brk resumed>",
  "NULL",
  "/*",
  "*/",
];

/** Calls of one process whose arguments and results are in pieces. */
export function callsInPieces(random: Random): string {
  let text = "";
  for (let line = 0; line < 10; line++) {
    text += `7 ${pick(random, ["munmap(", "brk(", "<... munmap resumed>", "<... brk resumed>", ""])}`;
    for (let i = random.below(9); i > 0; i--) text += pick(random, CALL_PARTS);
    text += pick(random, ["\n", " <unfinished ...>\n", ") = 0\n", " = 0x1000\n"]);
  }
  return text;
}
