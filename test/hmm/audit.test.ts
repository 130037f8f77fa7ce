// What an auditor that sees nothing but events says of the models.

import { describe, expect, it } from "vitest";
import { Auditor } from "../../src/audit/index.ts";
import type { Sleepable } from "../../src/blocking/suspension.ts";
import {
  type CpuMm,
  Dmirror,
  DmirrorDevice,
  Hmm2018,
  type HmmVariantName,
  Mirror2018,
  madviseDontneed,
  munmap,
  readUser,
  tryToUnmap,
  unmapPageRange,
} from "../../src/hmm/index.ts";
import type { ProfileName } from "../../src/index.ts";
import { oomReapTaskMm, Victim } from "../../src/sim/index.ts";
import { exploreAll } from "./explore.ts";
import { BASE, mapData, PAGE, run, TestClock, World } from "./support.ts";

type Tasks = Readonly<Record<string, Sleepable<unknown>>>;

/** Everything that is reported under any schedule with up to two preemptions, by rule and who it is. */
function audit(profile: ProfileName, make: (mm: CpuMm, world: World) => Tasks): string[] {
  const found = new Set<string>();
  exploreAll(
    () => {
      let task = "setup";
      const auditor = new Auditor({ profile });
      const world = new World({ profile, points: true });
      world.listen((event) => auditor.observe(event, task));
      const mm = world.process();
      mapData(mm, [1]);
      return {
        tasks: make(mm, world),
        onStep: (name) => {
          task = name;
        },
        check: () => {
          auditor.finish();
          for (const { id, notifier } of auditor.reports) found.add(`${id} ${notifier}`);
          mm.space[Symbol.dispose]();
        },
      };
    },
    { preemptions: 2 },
  );
  return [...found].sort();
}

function dmirrorOf(mm: CpuMm, world: World, name = "device"): Dmirror {
  return run(Dmirror.open(mm, new DmirrorDevice(name, world.memory), { clock: new TestClock() }));
}

function reaper(mm: CpuMm): Sleepable<unknown> {
  return oomReapTaskMm(
    new Victim({
      mm: mm.space,
      vmas: () => mm.vmas.all,
      zap: (_vma, start, end) => unmapPageRange(mm, Number(start), Number(end)),
    }),
  );
}

describe("the mirror of test_hmm", () => {
  it.each([
    ["munmap", (mm: CpuMm) => munmap(mm, BASE, BASE + PAGE)],
    ["madvise", (mm: CpuMm) => madviseDontneed(mm, BASE, BASE + PAGE)],
    ["reclaim", (mm: CpuMm) => tryToUnmap(mm, BASE)],
    ["the OOM reaper", reaper],
    ["the end of the process", (mm: CpuMm) => mm.mmput()],
  ])("keeps the contract against %s", (_name, other) => {
    const found = audit("v6.12", (mm, world) => ({
      device: dmirrorOf(mm, world).read(BASE, 1),
      other: other(mm),
    }));
    expect(found).toEqual([]);
  });

  it("migrates without asking read_retry, and that is said", () => {
    const found = audit("v6.12", (mm, world) => {
      const mirror = dmirrorOf(mm, world);
      run(mirror.read(BASE, 1));
      return { device: mirror.migrateToDevice(BASE, 1), cpu: readUser(mm, BASE) };
    });
    expect(found).toEqual(["V14 device"]);
  });
});

describe("HMM of 2018", () => {
  function findings(variant: HmmVariantName, other: (mm: CpuMm) => Sleepable<unknown>): string[] {
    return audit("v4.19", (mm) => {
      const driver = new Mirror2018(new Hmm2018({ variant }), mm, { name: "M" });
      run(driver.register());
      return { device: driver.populate(BASE, 1), other: other(mm) };
    });
  }

  it.each([
    ["hmm-4.19", ["V13 M"]],
    ["hmm-refuse", ["V13 M"]],
    ["hmm-4.20", ["V13 M"]],
    // What these get wrong leaves no event: a range that was hit is valid again.
    ["hmm-5.2", []],
    ["hmm-5.3", []],
  ] as const)("%s, against reclaim: %s", (variant, expected) => {
    expect(findings(variant, (mm) => tryToUnmap(mm, BASE))).toEqual(expected);
  });

  it.each([
    ["hmm-4.19", ["V03 hmm of mm", "V13 M"]],
    ["hmm-refuse", ["V06 hmm of mm"]],
    ["hmm-4.20", ["V01 hmm of mm", "V06 hmm of mm", "V13 M"]],
    ["hmm-5.2", ["V03 hmm of mm", "V13 M"]],
    ["hmm-5.3", ["V06 hmm of mm"]],
  ] as const)("%s, against the OOM reaper: %s", (variant, expected) => {
    expect(findings(variant, reaper)).toEqual(expected);
  });
});
