// What the tests of the simulator share.

import { SimulatedDriver } from "../../src/blocking/simulated-driver.ts";
import { AddressSpace } from "../../src/notifier/address-space.ts";
import { NotifierDomain } from "../../src/notifier/domain.ts";
import type { ProfileName } from "../../src/notifier/profile.ts";
import { Random } from "../../src/sim/random.ts";
import type { ReapEvent } from "../../src/sim/victim.ts";
import { Victim } from "../../src/sim/victim.ts";
import { type Vma, vmaList } from "../../src/sim/vma.ts";

export const PAGE = 0x1000;
export const GIB = 2 ** 30;

/** A victim of the OOM killer, one list notifier that may refuse, and everything written down. */
export interface Scene {
  readonly driver: SimulatedDriver;
  readonly mm: AddressSpace;
  readonly victim: Victim;
  /** Starts, zaps and ends by the first page of their range: `start 1`, `zap 1`, `end 1`. */
  readonly trace: string[];
  readonly events: ReapEvent[];
  /** Whether the notifier refuses a start at this page. */
  refuses: (page: number) => boolean;
}

export function sceneOf(profile: ProfileName, vmas: readonly Vma[]): Scene {
  const driver = new SimulatedDriver({ chooser: new Random(1) });
  const trace: string[] = [];
  const events: ReapEvent[] = [];
  const starts = new Map<number | null, string>();
  const mm = new AddressSpace({
    name: "victim",
    profile,
    domain: new NotifierDomain(),
    events: (event) => {
      if (event.kind === "invalidate-start" || event.kind === "invalidate-refused") {
        const mode = event.event === "UNMAP" ? "" : ` ${event.event}`;
        const answer = event.kind === "invalidate-start" ? "" : " refused";
        trace.push(`start ${pageOf(event.start)}${mode}${answer}`);
        starts.set(event.window, `${pageOf(event.start)}`);
      } else if (event.kind === "invalidate-end") {
        trace.push(`end ${starts.get(event.window)}`);
      }
    },
  });
  const list = vmaList(vmas);
  const victim = new Victim({
    mm,
    name: "7 (greedy)",
    vmas: () => list,
    zap: (_, start) => {
      trace.push(`zap ${pageOf(start)}`);
      return undefined;
    },
    events: (event) => events.push(event),
  });
  const scene: Scene = { driver, mm, victim, trace, events, refuses: () => false };
  mm.register({
    name: "A",
    invalidateRangeStart: {
      blocking: () => undefined,
      nonblocking: ({ start }) => !scene.refuses(pageOf(start)),
    },
  });
  return scene;
}

export function anonymous(startPage: number, endPage: number): Vma {
  return { kind: "anonymous", start: startPage * PAGE, end: endPage * PAGE };
}

function pageOf(start: number | bigint): number {
  return Number(start) / PAGE;
}

/** The results of the attempts, in order. */
export function attempts(events: readonly ReapEvent[]): string[] {
  return events.flatMap((event) => (event.kind === "reap-attempted" ? [event.result] : []));
}

export function sleeps(events: readonly ReapEvent[]): number[] {
  return events.flatMap((event) => (event.kind === "reap-sleep" ? [event.microseconds] : []));
}

export function logged(events: readonly ReapEvent[]): string[] {
  return events.flatMap((event) => (event.kind === "log" ? [event.line] : []));
}

/** What one range leaves in the trace when it is taken. */
export function taken(page: number): string[] {
  return [`start ${page}`, `zap ${page}`, `end ${page}`];
}
