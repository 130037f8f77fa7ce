import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { createEngine } from "intervalidate";
import { type Browser, chromium } from "playwright-core";
import { build, type Rolldown } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findChromium, NO_CHROMIUM } from "./chromium.ts";
import type { PageReport } from "./page/main.ts";
import { useLibrary } from "./page/use-library.ts";
import { serve } from "./server.ts";

// A page that uses the library, bundled by Vite as it comes, in a real browser.

const folder = mkdtempSync(join(tmpdir(), "intervalidate-page-"));
let bundle: Rolldown.RolldownOutput;

beforeAll(async () => {
  bundle = (await build({
    root: join(import.meta.dirname, "page"),
    base: "./",
    configFile: false,
    logLevel: "error",
    build: { outDir: folder, emptyOutDir: true },
  })) as Rolldown.RolldownOutput;
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("the bundle of a page", () => {
  const codeOf = (file: Rolldown.OutputChunk | Rolldown.OutputAsset): string =>
    file.type === "chunk" ? file.code : String(file.source);

  it("has nothing of Node's in it", () => {
    const scripts = bundle.output.filter(({ fileName }) => fileName.endsWith(".js")).map(codeOf);
    expect(scripts.length).toBe(2);
    for (const code of scripts) {
      expect(code.includes("OUT_OF_MEMORY")).toBe(true);
      expect(/["'`]node:|browser-external|\brequire\(/.exec(code)).toBeNull();
    }
  });

  it("is at most 40 KiB when compressed, engine and page included", () => {
    const [page] = bundle.output;
    expect(gzipSync(codeOf(page)).length).toBeLessThanOrEqual(40 * 1024);
  });

  it("has the engine as a file for those who fetch it", () => {
    expect(bundle.output.map(({ fileName }) => fileName)).toContainEqual(
      expect.stringMatching(/^assets\/engine-.*\.wasm$/),
    );
  });
});

const path = findChromium();
const mustRun = process.env.CI === "true";
if (path === undefined && !mustRun) console.warn(`Skipped: the tests in a page. ${NO_CHROMIUM}`);

describe.skipIf(path === undefined && !mustRun)("the library in a page", () => {
  let browser: Browser;
  const servers: Server[] = [];

  beforeAll(async () => {
    if (path === undefined) throw new Error(NO_CHROMIUM);
    browser = await chromium.launch({
      executablePath: path,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
  });
  afterAll(async () => {
    await browser?.close();
    for (const server of servers) server.close();
  });

  /** What the page reports when it is served with this policy, and what went to the console. */
  async function visit(policy?: string): Promise<{ report: PageReport; complaints: string[] }> {
    const { url, server } = await serve(folder, policy);
    servers.push(server);
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => complaints.push(message.text()));
    await page.goto(url);
    const report = await page.evaluate(() => globalThis.report());
    await page.close();
    return { report, complaints };
  }

  it.each([
    ["without a policy", undefined],
    [
      "under a policy that allows WebAssembly",
      "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
    ],
  ])("does %s what it does in Node: at once, in a worker, and streamed", async (_name, policy) => {
    const { report, complaints } = await visit(policy);
    const expected = useLibrary(createEngine());
    expect(report.mainThread).toEqual(expected);
    expect(report.worker).toEqual(expected);
    expect(report.streamed).toEqual(expected);
    expect(complaints).toEqual([]);
  });

  it("is refused by the browser under a policy that does not", async () => {
    const { report } = await visit("default-src 'self'");
    const refusal = expect.stringMatching(/^CompileError: .*Content Security Policy/);
    expect(report).toEqual({ mainThread: refusal, worker: refusal, streamed: refusal });
  });
});
