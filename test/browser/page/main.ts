// The library in its three places: started synchronously on the main thread, the same in a worker,
// and from a module that is compiled while it is fetched.

import { createEngine } from "intervalidate";
import engineUrl from "intervalidate/engine.wasm?url";
import { type Usage, useLibrary } from "./use-library.ts";

/** What each place has seen, or the error that it met. */
export interface PageReport {
  readonly mainThread: Usage | string;
  readonly worker: Usage | string;
  readonly streamed: Usage | string;
}

declare global {
  /** Called by the test. */
  var report: () => Promise<PageReport>;
}

let mainThread: Usage | string;
try {
  mainThread = useLibrary(createEngine());
} catch (error) {
  mainThread = String(error);
}

const worker = new Promise<Usage | string>((resolve) => {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => resolve(`The worker has failed: ${message}`);
});

async function useStreamed(): Promise<Usage> {
  const module = await WebAssembly.compileStreaming(fetch(engineUrl));
  const engine = createEngine({ module });
  return useLibrary(engine);
}
const streamed = useStreamed().catch(String);

globalThis.report = async () => ({
  mainThread,
  worker: await worker,
  streamed: await streamed,
});
