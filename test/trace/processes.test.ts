// "Whose line it is" and "Address spaces" of src/trace/README.md, rule by rule.

import { describe, expect, test } from "vitest";
import { eventsOf, summaryOf } from "./support.ts";

const log = (...lines: string[]) => `${lines.join("\n")}\n`;
const mmsOf = async (...lines: string[]) =>
  (await summaryOf(log(...lines))).per_mm.map(
    (mm) => `${mm.id} ${mm.origin} ${mm.parent ?? "-"}${mm.released ? " released" : ""}`,
  );
const MAP = "mmap(NULL, 4096, 0, MAP_PRIVATE, -1, 0) = 0x1000";
const EXIT = "+++ exited with 0 +++";

describe("lines without a pid", () => {
  /** The mms that calls went to. */
  const owners = async (...lines: string[]) =>
    (await summaryOf(log(...lines))).per_mm.flatMap((mm) =>
      Object.entries(mm.calls).map(([name, count]) => `${mm.id} ${name} ${count}`),
    );

  test("no pid anywhere: process 0", async () => {
    expect(await owners("brk(NULL) = 1", "brk(NULL) = 1")).toEqual(["0.0 brk 2"]);
  });

  test("before any process lives: the first pid that is no child", async () => {
    expect(
      await owners("brk(NULL) = 1", "fork() = 7", "[pid 7] brk(NULL) = 1", "[pid 5] getpid() = 5"),
    ).toEqual(["5.0 brk 1", "5.0 fork 1", "5.0 getpid 1", "7.0 brk 1"]);
  });

  test("a pid on a line that means nothing can be the first, too", async () => {
    expect(await owners("brk(NULL) = 1", "12 apples", "[pid 5] getpid() = 5")).toEqual([
      "12.0 brk 1",
      "5.0 getpid 1",
    ]);
  });

  test("a child that only a second half shows is no candidate", async () => {
    expect(
      await owners(
        "a() = 1",
        "[pid 7] b() = 1",
        "[pid 7] <... clone resumed>) = 7",
        "[pid 5] c() = 1",
      ),
    ).toEqual(["5.0 a 1", "5.0 c 1", "7.0 b 1"]);
  });

  test("one process lives: it is that one's line, else the first one's", async () => {
    expect(
      await owners(
        "[pid 5] a() = 1",
        "b() = 1", // 5 alone
        "[pid 6] a() = 1",
        "c() = 1", // 5 and 6: the first
        `[pid 5] ${EXIT}`,
        "d() = 1", // 6 alone
        "[pid 6] +++ killed by SIGKILL +++",
        "e() = 1", // nobody: the first, which lives again
      ),
    ).toEqual(["5.0 a 1", "5.0 b 1", "5.0 c 1", "6.0 a 1", "6.0 d 1", "5.1 e 1"]);
  });

  test("a child lives from the line that shows it", async () => {
    expect(await owners("fork() = 6", "a() = 1", `[pid 5] ${EXIT}`, "b() = 1")).toEqual([
      "5.0 a 1",
      "5.0 fork 1",
      "6.0 b 1",
    ]);
  });

  test("a detached line makes its process live no more", async () => {
    expect(
      await owners(
        "[pid 5] a() = 1",
        "[pid 6] b() = 1",
        "[pid 5] wait4(-1, <detached ...>",
        "c() = 1",
      ),
    ).toEqual(["5.0 a 1", "6.0 b 1", "6.0 c 1"]);
  });

  test("a superseded thread lives no more", async () => {
    expect(
      await owners(
        "[pid 5] a() = 1",
        "[pid 6] b() = 1",
        "[pid 6] +++ superseded by execve in pid 5 +++",
        "c() = 1",
      ),
    ).toEqual(["5.0 a 1", "6.0 b 1", "6.0 c 1"]);
  });

  test("lines that mean nothing make nobody live", async () => {
    expect(await owners("[pid 5] a() = 1", "[pid 6] junk", "b() = 1")).toEqual([
      "5.0 a 1",
      "5.0 b 1",
    ]);
  });
});

describe("processes", () => {
  test("the first line makes an unseen address space", async () => {
    expect(await mmsOf("5 getpid() = 5", "5 getpid() = 5", "6 --- SIGX {} ---")).toEqual([
      "5.0 unseen -",
      "6.0 unseen -",
    ]);
  });

  test("a line of kind other binds nobody, a detached one does", async () => {
    expect(await mmsOf("5 junk", "6 wait4( <detached ...>", "7 +++ x")).toEqual([
      "6.0 unseen -",
      "7.0 unseen -",
    ]);
  });

  test("exit leaves; the next line of that number begins anew", async () => {
    expect(await mmsOf("5 a() = 1", `5 ${EXIT}`, "5 a() = 1", `5 ${EXIT}`)).toEqual([
      "5.0 unseen - released",
      "5.1 unseen - released",
    ]);
    expect((await summaryOf(log("5 a() = 1", `5 ${EXIT}`, "5 a() = 1"))).tasks).toBe(2);
  });

  test("exit_group by itself does nothing", async () => {
    expect(await mmsOf("5 exit_group(0) = ?")).toEqual(["5.0 unseen -"]);
  });

  test("fork copies pieces and break, and write-protects the private pieces of the parent", async () => {
    const lines = [
      `5 ${MAP}`,
      "5 mmap(NULL, 4096, 0, MAP_SHARED, -1, 0) = 0x3000",
      "5 mmap(NULL, 8192, 0, MAP_PRIVATE, -1, 0) = 0x5000",
      "5 brk(NULL) = 0x9000",
      "5 fork() = 6",
      "6 brk(0xa000) = 0xa000",
      "6 munmap(0x1000, 0x10000) = 0",
    ];
    expect(await eventsOf(log(...lines))).toEqual([
      "5.0 PROTECTION_PAGE B 1000 2000 1\n",
      "5.0 PROTECTION_PAGE B 5000 7000 1\n",
      "6.0 UNMAP B 1000 11000 4\n",
    ]);
    const summary = await summaryOf(log(...lines));
    expect(summary).toMatchObject({ tasks: 2, mms: 2, peak_vmas: 7, final_vmas: 3 });
    expect(summary.per_mm[1]).toMatchObject({
      id: "6.0",
      parent: "5.0",
      origin: "fork",
      peak_vmas: 4,
    });
  });

  test("a child's first line applies the fork that the log completes later", async () => {
    const lines = ["5 fork( <unfinished ...>", `6 ${MAP}`, "5 <... fork resumed>) = 6"];
    expect(await mmsOf(...lines)).toEqual(["5.0 unseen -", "6.0 fork 5.0"]);
    // Where the log drops the open fork nothing is known of the child.
    expect(await mmsOf("5 fork( <unfinished ...>", "6 a() = 1", "5 b() = 1")).toEqual([
      "5.0 unseen -",
      "6.0 unseen -",
    ]);
  });

  test("a fork that has been applied is not applied again", async () => {
    const summary = await summaryOf(
      log(`5 ${MAP}`, "5 fork( <unfinished ...>", "6 a() = 1", "5 <... fork resumed>) = 6"),
    );
    expect(summary).toMatchObject({ tasks: 2, mms: 2, events: { PROTECTION_PAGE: 1 } });
  });

  test("a parent is bound first, and its parent before", async () => {
    expect(await mmsOf("7 a() = 1", "6 fork() = 7", "5 fork() = 6")).toEqual([
      "5.0 unseen -",
      "6.0 fork 5.0",
      "7.0 fork 6.0",
    ]);
  });

  test("forks in a circle", async () => {
    const summary = await summaryOf(log("6 a() = 1", "5 vfork() = 6", "6 fork() = 5"));
    expect(summary.tasks).toBe(3);
    expect((await summaryOf(log("5 fork() = 5"))).tasks).toBe(2);
    expect((await summaryOf(log("5 vfork() = 5", `5 ${MAP}`))).final_vmas).toBe(1);
  });

  test("a chain of forks may be as long as the log", async () => {
    const lines: string[] = [];
    for (let pid = 100_000; pid > 1; pid--) lines.push(`${pid - 1} vfork() = ${pid}`);
    const summary = await summaryOf(log("100000 a() = 1", ...lines));
    expect(summary).toMatchObject({ tasks: 100_000, mms: 1 });
  });

  test("a child that is still bound leaves first", async () => {
    expect(await mmsOf("6 a() = 1", "5 fork() = 6")).toEqual(["5.0 unseen -", "6.0 fork 5.0"]);
    expect(await mmsOf("6 a() = 1", "5 a() = 1", "5 fork() = 6", "5 fork() = 6")).toEqual([
      "5.0 unseen -",
      "6.0 fork 5.0 released",
      "6.1 fork 5.0",
    ]);
  });

  test("a fork that was injected, failed or made nothing makes nothing", async () => {
    for (const result of ["6 (INJECTED)", "-1 EAGAIN", "?", "0"]) {
      expect(await mmsOf(`5 fork() = ${result}`, "6 a() = 1")).toEqual([
        "5.0 unseen -",
        "6.0 unseen -",
      ]);
    }
  });

  test.each([
    ["vfork()", true],
    ["fork()", false],
    ["clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, x)", false],
    ["clone(child_stack=0x1, flags=CLONE_VM|CLONE_FS, x)", true],
    ["clone(child_stack=0x1, flags=0x100 /* CLONE_VM */, x)", true],
    ["clone(flags=SIGCHLD, flags=CLONE_VM)", false],
    ["clone(0x100, 0)", true],
    ["clone(0x11, 0x100)", false],
    ["clone(CLONE_VM, 0)", false],
    ["clone3({flags=CLONE_VM}, 88)", true],
    ["clone3({flags=SIGCHLD}, CLONE_VM)", false],
    ["clone3(0x7ffe, 88)", true],
  ])("%s shares memory: %s", async (call, shares) => {
    expect((await summaryOf(log(`5 ${call} = 6`))).mms).toBe(shares ? 1 : 2);
  });

  test("an address space is released by the last that leaves it", async () => {
    expect(await eventsOf(log(`5 ${MAP}`, "5 vfork() = 6", `5 ${EXIT}`, `6 ${EXIT}`))).toEqual([
      "5.0 RELEASE B 0 0 1\n",
    ]);
    expect(await eventsOf(log(`5 ${MAP}`, "5 vfork() = 6", `5 ${EXIT}`))).toEqual([]);
  });

  test("an exec begins with an empty address space; the call counts for the old one", async () => {
    const lines = [
      `5 ${MAP}`,
      "5 brk(NULL) = 1",
      '5 execve("x", [], []) = 0',
      "5 brk(8192) = 8192",
      `5 ${MAP}`,
    ];
    expect(await eventsOf(log(...lines))).toEqual(["5.0 RELEASE B 0 0 1\n"]);
    expect((await summaryOf(log(...lines))).per_mm).toMatchObject([
      { id: "5.0", released: true, calls: { brk: 1, execve: 1, mmap: 1 }, final_vmas: 0 },
      { id: "5.1", parent: "5.0", origin: "exec", calls: { brk: 1, mmap: 1 }, final_vmas: 1 },
    ]);
  });

  test("an exec that fails, is injected or does not return changes nothing", async () => {
    for (const result of ["-1 ENOENT", "0 (INJECTED)", "?"]) {
      expect(await mmsOf(`5 execveat(3, "") = ${result}`)).toEqual(["5.0 unseen -"]);
    }
  });

  test("a vfork child's exec leaves the parent alone", async () => {
    expect(await mmsOf(`5 ${MAP}`, "5 vfork() = 6", '6 execve("x") = 0')).toEqual([
      "5.0 unseen -",
      "6.0 exec 5.0",
    ]);
  });

  test("a thread's exec: the leader's number goes on, the thread's leaves", async () => {
    const lines = [
      `5 ${MAP}`,
      "5 clone3({flags=CLONE_VM}, 88) = 6",
      '6 execve("x" <unfinished ...>',
      "5 +++ superseded by execve in pid 6 +++",
      "5 <... execve resumed>) = 0",
    ];
    expect(await mmsOf(...lines)).toEqual(["5.0 unseen - released", "5.1 exec 5.0"]);
    expect(await mmsOf("5 +++ superseded by execve in pid 5 +++")).toEqual(["5.0 unseen -"]);
    expect(await mmsOf("5 +++ superseded by execve in pid 6 +++")).toEqual(["5.0 unseen -"]);
  });
});
