import { describe, expect, it } from "vitest";
import { umemOdp2018 } from "../../../src/sim/drivers/index.ts";
import { pages, Scene } from "./support.ts";

const UMEM = pages(16, 4);
const ELSEWHERE = pages(100);
const NAME = umemOdp2018.name;
const RWSEM = `umem_rwsem of ${NAME}`;
const QUIET = `notifier_completion of [0x10000, 0x14000) of ${NAME}`;
const IDLE = { contextCount: 0, umems: 1, umemCount: 0, pending: 0 };

describe("umem-odp-2018, blockable", () => {
  it("counts for the context and for each region in the range, and unmaps", () => {
    const scene = new Scene();
    const odp = scene.mirrored(umemOdp2018, UMEM);
    scene.run(odp.mirror(pages(20)));
    const window = scene.start(pages(18, 10)).value;
    expect(odp.state).toEqual({ contextCount: 1, umems: 2, umemCount: 2, pending: 0 });
    expect([odp.entries, odp.locks.umemRwsem.holders]).toEqual([[pages(16, 2)], []]);
    scene.end(window);
    expect(odp.state).toEqual({ ...IDLE, umems: 2 });
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a fault waits until nothing that it could miss is open, and is tried again", () => {
    const scene = new Scene();
    const odp = scene.mirrored(umemOdp2018, UMEM);
    const [first, second] = [scene.start(pages(16)).value, scene.start(pages(17)).value];
    const fault = scene.spawn(odp.access(pages(16)));
    expect(fault.blockedOn).toBe(QUIET);
    scene.end(second);
    expect(fault.run().blockedOn).toBe(QUIET);
    scene.end(first);
    expect([fault.run().value, odp.entries]).toEqual([0, [pages(16), pages(18, 2)]]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a fault begins again if an invalidation came and went while pages were looked up", () => {
    const scene = new Scene();
    const odp = scene.attach(umemOdp2018);
    scene.run(odp.mirror(UMEM));
    scene.run(scene.context.mmapLock.lock());
    const fault = scene.spawn(odp.access(UMEM));
    scene.invalidate(UMEM);
    scene.context.mmapLock.unlock();
    expect([fault.run().value, odp.entries]).toEqual([0, [UMEM]]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a region that is registered meanwhile has no faults before all is quiet", () => {
    const scene = new Scene();
    const odp = scene.attach(umemOdp2018);
    const [first, second] = [scene.start(ELSEWHERE).value, scene.start(ELSEWHERE).value];
    scene.run(odp.mirror(UMEM));
    const fault = scene.spawn(odp.access(UMEM));
    expect([odp.state.pending, fault.blockedOn]).toEqual([1, QUIET]);
    scene.end(first);
    expect([odp.state.pending, fault.run().blockedOn]).toEqual([1, QUIET]);
    scene.end(second);
    expect([odp.state, fault.run().value]).toEqual([IDLE, 0]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a region can be freed, and all end with the process", () => {
    const scene = new Scene();
    const odp = scene.mirrored(umemOdp2018, UMEM);
    scene.run(odp.mirror(ELSEWHERE));
    expect([scene.run(odp.unmirror(ELSEWHERE)), scene.run(odp.unmirror(ELSEWHERE))]).toEqual([
      0, -22,
    ]);
    scene.run(scene.mm.releaseSleepable());
    expect([odp.entries, scene.run(odp.access(UMEM))]).toEqual([[], -14]);
    expect(scene.foundAtFinish).toEqual([]);
  });
});

describe("umem-odp-2018, non-blocking", () => {
  it("no overlap: approves with the context count raised, and then sleeps in end", () => {
    const scene = new Scene();
    const odp = scene.mirrored(umemOdp2018, UMEM);
    const window = scene.approved(ELSEWHERE);
    expect(odp.state).toEqual({ ...IDLE, contextCount: 1 });
    expect(scene.found).toEqual([]);
    scene.end(window);
    expect(odp.state).toEqual(IDLE);
    expect(scene.foundAtFinish).toEqual([`V03 ${NAME}`]);
    expect(scene.sleptFor).toEqual([`${RWSEM} (read)`]);
  });

  it("end sleeps a second time if new regions have to get their counters", () => {
    const scene = new Scene("v6.12");
    const odp = scene.attach(umemOdp2018);
    const window = scene.approved(ELSEWHERE);
    scene.run(odp.mirror(UMEM));
    scene.end(window);
    expect(odp.state).toEqual(IDLE);
    expect(scene.foundAtFinish).toEqual(Array(3).fill(`V03 ${NAME}`));
    expect(scene.sleptFor).toEqual([
      `${RWSEM} (read)`,
      `${RWSEM} (write)`,
      `umem_mutex of [0x10000, 0x14000) of ${NAME}`,
    ]);
  });

  it("refuses while a region is registered or freed", () => {
    const scene = new Scene();
    const odp = scene.mirrored(umemOdp2018, UMEM);
    scene.spawn(odp.locks.umemRwsem.lock("write"), "T2");
    expect(scene.refusedBy(ELSEWHERE)).toBe(NAME);
    expect(odp.state).toEqual(IDLE);
    expect(scene.foundAtFinish).toEqual([`V06 ${NAME}`, `V31 ${NAME}`]);
  });

  it("v4.19, noUndo as merged: a refusal leaves the count raised, and new regions never work", () => {
    const scene = new Scene();
    const odp = scene.mirrored(umemOdp2018, UMEM);
    expect(scene.refusedBy(pages(19, 2))).toBe(NAME);
    expect(odp.state).toEqual({ ...IDLE, contextCount: 1 });
    expect([odp.entries, odp.locks.umemRwsem.holders]).toEqual([[UMEM], []]);
    scene.run(odp.mirror(ELSEWHERE));
    const fault = scene.spawn(odp.access(ELSEWHERE));
    scene.invalidate(pages(0));
    expect(fault.run().blockedOn).toMatch(/^notifier_completion of \[0x64000/);
    expect(odp.state).toEqual({ contextCount: 1, umems: 2, umemCount: 0, pending: 1 });
    expect(scene.foundAtFinish).toEqual([`V06 ${NAME}`]);
  });

  it("v4.19, repaired: a refusal leaves nothing behind", () => {
    const scene = new Scene();
    const odp = scene.mirrored(umemOdp2018, UMEM, { personalities: [] });
    expect(scene.refusedBy(UMEM)).toBe(NAME);
    expect(odp.state).toEqual(IDLE);
    expect(scene.foundAtFinish).toEqual([`V06 ${NAME}`]);
  });

  it("v6.12: its end is called for its own refusal, and its regions never fault again", () => {
    const scene = new Scene("v6.12");
    const odp = scene.mirrored(umemOdp2018, UMEM);
    expect(scene.refusedBy(UMEM)).toBe(NAME);
    // What was not undone is undone now; what had never been done is too.
    expect(odp.state).toEqual({ ...IDLE, umemCount: -1 });
    scene.invalidate(pages(16));
    const fault = scene.spawn(odp.access(pages(16)));
    expect(fault.blockedOn).toBe(QUIET);
    expect(odp.state).toEqual({ ...IDLE, umemCount: -1 });
    expect(scene.foundAtFinish).toEqual([`V06 ${NAME}`, `V32 ${NAME}`, `V32 ${NAME}`]);
  });
});

describe("umem-odp-2018 with keepsRwsem, as from v4.20 to v5.3", () => {
  const options = { personalities: ["keepsRwsem"] } as const;

  it("regions come and go only when nothing is open; end need not wait for them", () => {
    const scene = new Scene();
    const odp = scene.mirrored(umemOdp2018, UMEM, options);
    const window = scene.approved(ELSEWHERE);
    const register = scene.spawn(odp.mirror(ELSEWHERE));
    expect(register.blockedOn).toBe(`${RWSEM} (write)`);
    scene.end(window);
    expect([register.run().value, odp.state.pending]).toEqual([0, 0]);
    expect(scene.foundAtFinish).toEqual([]);
  });

  it("a refusal keeps it for ever", () => {
    const scene = new Scene();
    const odp = scene.mirrored(umemOdp2018, UMEM, options);
    expect(scene.refusedBy(UMEM)).toBe(NAME);
    expect(odp.locks.umemRwsem.holders).toHaveLength(1);
    const register = scene.spawn(odp.mirror(ELSEWHERE));
    expect(register.blockedOn).toBe(`${RWSEM} (write)`);
    expect(scene.foundAtFinish).toEqual([`V06 ${NAME}`]);
  });
});
