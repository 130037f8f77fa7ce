// An index handed to workers: two of them go on from the same state, each in its own way.
//
//   node examples/worker.mjs
//
// A snapshot is bytes, so it can be posted, and moved instead of copied. Handles mean the same on
// either side; sequences and locks come along.

import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { END, RangeIndex } from "intervalidate";

const PAGE = 4096;

if (isMainThread) await explore();
else parentPort.once("message", goOn);

/** In the main thread: a state, two changes to try on it, and what became of each. */
async function explore() {
  const index = new RangeIndex();
  const handles = Array.from({ length: 1000 }, (_, i) => index.insert(i * PAGE, (i + 2) * PAGE));
  const [low, high] = [handles[250], handles[750]];
  index.tryLock(low);
  index.invalidate(700 * PAGE, 800 * PAGE, 7);

  const answers = await Promise.all([
    ask(index.snapshot(), { start: 0, end: 500 * PAGE }),
    ask(index.snapshot(), { start: 500 * PAGE, end: END }),
  ]);
  for (const bytes of answers) {
    const future = RangeIndex.from(bytes);
    const kept = future.has(low) ? low : high;
    const page = future.startOf(kept) / BigInt(PAGE);
    const lock = future.isLocked(kept) ? "locked" : "free";
    const sequence = future.sequenceOf(kept);
    console.log(`${future.size} ranges left; page ${page}: ${lock}, sequence ${sequence}`);
  }
  console.log(`here: ${index.size} ranges, as before`);
}

/** Moves a snapshot to a worker of its own and resolves to the one that comes back. */
function ask(bytes, change) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url));
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.postMessage({ bytes, change }, [bytes.buffer]);
  });
}

/** In a worker: the same index in an engine of its own, changed and sent back. */
function goOn({ bytes, change }) {
  const index = RangeIndex.from(bytes);
  index.removeOverlapping(change.start, change.end);
  const answer = index.snapshot();
  parentPort.postMessage(answer, [answer.buffer]);
}

// prints
//
//   500 ranges left; page 750: free, sequence 7
//   499 ranges left; page 250: locked, sequence 0
//   here: 1000 ranges, as before
