import { AddressSpace } from "../notifier/address-space.ts";
import type { IntervalNotifier } from "../notifier/interval-notifier.ts";
import { Random } from "../sim/random.ts";
import type { World } from "./world.ts";

interface Plan {
  readonly intervals: number;
  readonly queries: number;
  readonly seed: number;
}

interface Inserted {
  readonly number: number;
  readonly start: bigint;
  readonly last: bigint;
  readonly notifier: IntervalNotifier;
}

const MAX = (1n << 64n) - 1n;

/**
 * Random intervals against random invalidations, with insertions and removals between: in how many
 * invalidations did the callbacks differ from a scan of all intervals, in (start, insertion) order?
 */
export function bruteForce(world: World, plan: Plan): number {
  const random = new Random(plan.seed);
  const called: number[] = [];
  const { profile, engine, domain } = world;
  using mm = new AddressSpace({ profile, engine, domain });
  const live: Inserted[] = [];
  let made = 0;
  const insert = (): void => {
    const twin =
      live.length > 0 && random.chance(1, 8) ? live[random.below(live.length)] : undefined;
    const [start, last] = twin === undefined ? drawBounds(random) : [twin.start, twin.last];
    made += 1;
    const number = made;
    const tell = (): undefined => {
      called.push(number);
    };
    const notifier = mm.insertInterval(start, last - start + 1n, {
      invalidate: {
        blocking: tell,
        nonblocking: () => {
          tell();
          return true;
        },
      },
    });
    live.push({ number, start, last, notifier });
  };
  while (live.length < plan.intervals) insert();
  let wrong = 0;
  for (let i = 0; i < plan.queries; i += 1) {
    if (random.chance(1, 2)) {
      const [out] = live.splice(random.below(live.length), 1);
      out.notifier.remove();
      insert();
    }
    const [start, last] = drawBounds(random);
    called.length = 0;
    mm.invalidateRangeStart({ start, end: last + 1n }).end();
    if (called.join() !== scan(live, start, last).join()) wrong += 1;
  }
  return wrong;
}

function scan(live: readonly Inserted[], start: bigint, last: bigint): number[] {
  return live
    .filter((one) => one.start <= last && start <= one.last)
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : a.number - b.number))
    .map(({ number }) => number);
}

/** Closed bounds of every size, now and then at an end of the space. */
function drawBounds(random: Random): [start: bigint, last: bigint] {
  const start = random.chance(1, 16) ? 0n : drawAddress(random);
  if (random.chance(1, 16)) return [start, MAX];
  const length = drawAddress(random) >> BigInt(random.below(64));
  return [start, start + length > MAX ? MAX : start + length];
}

function drawAddress(random: Random): bigint {
  return (BigInt(random.next()) << 32n) | BigInt(random.next());
}
