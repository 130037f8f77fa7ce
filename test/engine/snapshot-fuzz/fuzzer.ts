import assert from "node:assert/strict";
import { END } from "../../../src/engine/addresses.ts";
import { createEngine, type Engine } from "../../../src/engine/engine.ts";
import { IntervalSet } from "../../../src/engine/interval-set.ts";
import { RangeIndex } from "../../../src/engine/range-index.ts";
import { decodeSnapshot } from "../../../src/engine/snapshot.ts";
import { IntervalidateError } from "../../../src/errors.ts";
import { Random } from "../../../src/sim/random.ts";
import { makeCorpus } from "./corpus.ts";
import { mutate } from "./mutations.ts";
import { brokenRules, HEADER_BYTES, type Row, RULES, type Rule, rowsOf, seal } from "./reader.ts";

export type Outcome = "restored" | Rule;
export const OUTCOMES: readonly Outcome[] = ["restored", ...(Object.keys(RULES) as Rule[])];

/**
 * What any mutant of the corpus can need: a directory of all chunks after its last move, and for
 * each of a few hundred records a chunk and a share of the nodes.
 */
export const ENGINE_BYTES_MAX = 16 * 2 ** 20;

/** One case: what became of a mutant, and whether its checksum had been made right. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly sealed: boolean;
}

/** Plays numbered cases. Each has a generator of its own, so that it can be played again alone. */
export class SnapshotFuzzer {
  readonly #seed: number;
  readonly #corpus: readonly Uint8Array<ArrayBuffer>[];
  readonly #engine: Engine;

  constructor(module: WebAssembly.Module, seed: number) {
    this.#seed = seed;
    this.#corpus = makeCorpus(module, seed);
    this.#engine = createEngine({ module, maxBytes: ENGINE_BYTES_MAX });
  }

  /** Bytes that the engine which all mutants are restored into has grown to. */
  get engineBytes(): number {
    return this.#engine.byteLength;
  }

  /** @throws {Error} saying what went wrong and how to play the case again */
  play(number: number): Verdict {
    const random = new Random(new Random(this.#seed).next() + number).fork(number);
    const [bytes, other] = [this.#draw(random), this.#draw(random)];
    const mutant = mutate(random, bytes, other);
    const sealed = random.chance(1, 2) && mutant.length >= HEADER_BYTES;
    if (sealed) seal(mutant);
    try {
      return { outcome: this.#judge(mutant, random), sealed };
    } catch (error) {
      const replay = `npm run fuzz:snapshots -- --seed ${this.#seed} --first ${number} --cases 1`;
      throw new Error(`Case ${number} of seed ${this.#seed}: ${error}\nReplay: ${replay}`, {
        cause: error,
      });
    }
  }

  #draw(random: Random): Uint8Array<ArrayBuffer> {
    return this.#corpus[random.below(this.#corpus.length)] as Uint8Array<ArrayBuffer>;
  }

  #judge(mutant: Uint8Array, random: Random): Outcome {
    const broken = brokenRules(mutant);
    const engine = this.#engine;
    engine.reset();
    const { usedBytes } = engine;
    let index: RangeIndex;
    try {
      index = RangeIndex.from(mutant, { engine });
    } catch (error) {
      const rule = ruleOf(error);
      assert(broken.has(rule), `refused for ${rule}, but breaks ${[...broken]}`);
      assert.equal(engine.usedBytes, usedBytes, "bytes in use after a refusal");
      return rule;
    }
    assert.deepEqual([...broken], [], "restored although it breaks");
    const rows = rowsOf(mutant);
    assert.deepEqual(contentsOf(index), rows);
    assert(Buffer.from(index.snapshot()).equals(mutant), "its own snapshot differs");
    engine.reset();
    this.#liveOn(mutant, rows, random);
    return "restored";
  }

  /** Checks the structure of a restored set, also after some more life. */
  #liveOn(mutant: Uint8Array, rows: readonly Row[], random: Random): void {
    const set = new IntervalSet(this.#engine);
    set.restore(decodeSnapshot(mutant));
    set.verify();
    const handles = new Set(rows.map(({ handle }) => handle));
    for (let i = 0; i < 8; i += 1) {
      const row = rows[random.below(rows.length)];
      if (row !== undefined && random.chance(1, 2)) {
        assert.equal(set.remove(row.handle), handles.delete(row.handle), "a handle is live");
      }
      const handle = set.insert(random.next(), END - 1n);
      assert(!handles.has(handle), `handle ${handle} was given out twice`);
      handles.add(handle);
    }
    assert.equal(set.size, handles.size);
    set.verify();
  }
}

function contentsOf(index: RangeIndex): Row[] {
  return Array.from(index.overlapping(0, END), (handle) => ({
    start: index.startOf(handle) as bigint,
    last: (index.endOf(handle) as bigint) - 1n,
    handle,
    sequence: index.sequenceOf(handle),
    locked: index.isLocked(handle),
  }));
}

/** The rule that a refusal names. */
export function ruleOf(error: unknown): Rule {
  if (!(error instanceof IntervalidateError) || error.code !== "SNAPSHOT") throw error;
  const rules = Object.entries(RULES).filter(([, text]) => text.test(error.message));
  assert.equal(rules.length, 1, `one rule in: ${error.message}`);
  return rules[0]?.[0] as Rule;
}

/** How often each outcome came, with the checksum as the mutation left it and made right. */
export class Tally {
  readonly #counts = new Map<Outcome, { left: number; sealed: number }>();

  constructor() {
    for (const outcome of OUTCOMES) this.#counts.set(outcome, { left: 0, sealed: 0 });
  }

  add({ outcome, sealed }: Verdict): void {
    this.of(outcome)[sealed ? "sealed" : "left"] += 1;
  }

  of(outcome: Outcome): { left: number; sealed: number } {
    return this.#counts.get(outcome) as { left: number; sealed: number };
  }
}
