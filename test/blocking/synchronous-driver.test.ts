import { describe, expect, it, onTestFinished } from "vitest";
import type { Sleepable } from "../../src/blocking/suspension.ts";
import { runAtOnce, runNowOrLater } from "../../src/blocking/synchronous-driver.ts";
import { Gate, settle } from "./support.ts";

describe("runAtOnce", () => {
  it("gives back what the generator returns if every wait is ready", () => {
    const gate = new Gate();
    gate.open();
    expect(runAtOnce(gate.pass([], "a"), "passing")).toBe("a");
  });

  it("throws WOULD_BLOCK into it where it would have to sleep, so that its `finally` runs", () => {
    const gate = new Gate();
    const log: string[] = [];
    expect(() => runAtOnce(gate.pass(log, "a"), "passing")).toThrow(
      expect.objectContaining({
        code: "WOULD_BLOCK",
        message: expect.stringContaining("passing has to sleep for gate"),
      }),
    );
    expect([log, gate.queue.size]).toEqual([["a left"], 0]);
  });

  it("unwinds whoever swallows that for ever", () => {
    const gate = new Gate();
    let unwound = false;
    expect(() => runAtOnce(deaf(), "passing")).toThrow(
      expect.objectContaining({ code: "WOULD_BLOCK" }),
    );
    expect(unwound).toBe(true);
    function* deaf(): Sleepable<undefined> {
      try {
        while (!gate.isOpen) {
          try {
            yield gate.wait;
          } catch {
            // Deaf.
          }
        }
        return undefined;
      } finally {
        unwound = true;
      }
    }
  });
});

describe("runNowOrLater", () => {
  it("runs to the end at once if nobody has to sleep", () => {
    const gate = new Gate();
    gate.open();
    const log: string[] = [];
    runNowOrLater(gate.pass(log, "a"));
    expect(log).toEqual(["a passed", "a left"]);
  });

  it("runs on in the background from the first wait that is not ready", async () => {
    const gate = new Gate();
    const log: string[] = [];
    runNowOrLater(gate.pass(log, "a"));
    expect(log).toEqual([]);
    gate.open();
    await settle();
    expect(log).toEqual(["a passed", "a left"]);
  });

  it("what is thrown at once is thrown to the caller; later it is an unhandled rejection", async () => {
    const gate = new Gate();
    const unhandled: unknown[] = [];
    const listeners = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    process.on("unhandledRejection", (reason) => unhandled.push(reason));
    onTestFinished(() => {
      process.removeAllListeners("unhandledRejection");
      for (const listener of listeners) process.on("unhandledRejection", listener);
    });
    function* failing(): Sleepable<undefined> {
      yield* gate.pass();
      throw new Error("from inside");
    }
    runNowOrLater(failing());
    gate.open();
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([new Error("from inside")]);
    expect(() => runNowOrLater(failing())).toThrow("from inside");
  });
});
