import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DRIVER_MODELS, dmirror, hmm2018, offersOf } from "../../src/drivers/index.ts";
import { IntervalidateError } from "../../src/errors.ts";
import { parseScenario, runLitmus, storyOf } from "../../src/litmus/index.ts";
import { engineOf } from "../engine/support.ts";

const engine = engineOf("release");

const HEAD = "title: t\nkernel: k\nwhy: w\n";

function errorOf(text: string): { code: string; line: number | undefined; message: string } {
  try {
    parseScenario(text);
  } catch (error) {
    if (error instanceof IntervalidateError) return error;
    throw error;
  }
  throw new Error("it was parsed");
}

function failuresOf(text: string) {
  return runLitmus(parseScenario(HEAD + text), engine).failures;
}

describe("a file that is none", () => {
  it.each([
    ["no YAML", "title: [", 1, "no YAML"],
    ["an unknown key", `${HEAD}stepps: []`, 4, 'there is no "stepps" here; known are title,'],
    ["no title", "kernel: k\nwhy: w\nsteps: []", 1, "title is missing"],
    ["nothing to do", HEAD, 1, "steps or tasks are missing"],
    ["an unknown profile", `${HEAD}profile: v7\nsteps: [{ do: E }]`, 4, '"v7" is no profile'],
    ["an unknown operation", `${HEAD}steps:\n  - do: { Q: 1 }`, 5, 'there is no operation "Q"'],
    ["an unknown option", `${HEAD}steps:\n  - do: { S: [0, 1], at: 2 }`, 5, 'S takes no "at"'],
    ["an unknown notifier", `${HEAD}steps:\n  - do: { put: A }`, 5, '"A" is no list notifier'],
    ["an unknown key of a step", `${HEAD}steps:\n  - done: E`, 5, 'there is no "done" here'],
    ["an unknown expectation", `${HEAD}steps:\n  - expect: { sequence: 2 }`, 5, '"sequence"'],
    ["an address that is none", `${HEAD}steps:\n  - do: { S: [0, TOP] }`, 5, '"TOP" is no address'],
    [
      "a property of something else",
      `${HEAD}notifiers: { A: list }\nsteps:\n  - expect:\n      A.seq: 2`,
      7,
      'there is no "A.seq" here; known are A.users, A.linked',
    ],
    [
      "a callback that nobody has",
      `${HEAD}notifiers: { A: list }\nsteps:\n  - expect: { no_calls: [A.stop] }`,
      6,
      '"A.stop" is no callback; there are A.start, A.end,',
    ],
    [
      "an unknown driver",
      `${HEAD}drivers: { K: kvm-2017 }\nsteps: []`,
      4,
      '"kvm-2017" is no driver',
    ],
    [
      "an option that a driver has not",
      `${HEAD}drivers: { K: { driver: kvm, extraEnd: true } }\nsteps: [{ do: E }]`,
      4,
      'there is no "extraEnd" here; known are driver, mm, later, missingEnd,',
    ],
    [
      "a mirror of HMM without HMM",
      `${HEAD}drivers: { M: hmm-mirror }\nsteps: []`,
      4,
      "M needs a version of HMM above it",
    ],
    [
      "an order that a driver does not take",
      `${HEAD}drivers: { K: kvm }\nsteps:\n  - do: { K.retire: [0, PAGE] }`,
      6,
      'there is no "K.retire"; known are K.attach, K.mirror, K.access, K.unmirror, K.detach, K.retryGfn,',
    ],
    [
      "a property that a driver has not",
      `${HEAD}drivers: { K: kvm }\nsteps:\n  - expect: { K.count: 1 }`,
      6,
      'there is no "K.count" here; known are K.active,',
    ],
    [
      "a callback that a driver has not",
      `${HEAD}drivers: { K: kvm }\nsteps:\n  - expect: { no_calls: [K.invalidate] }`,
      6,
      '"K.invalidate" is no callback; there are K.start,',
    ],
    [
      "the lock of somebody else",
      `${HEAD}drivers: { K: kvm }\nsteps:\n  - do: { lock: mmu_lock of L }`,
      6,
      '"mmu_lock of L" is no lock',
    ],
    ["set_seq in a task", `${HEAD}steps:\n  - do: set_seq`, 5, "in callbacks only"],
    ["pause without a task", `${HEAD}steps:\n  - pause: in A`, 5, "no task runs here"],
  ])("%s is an error with its line", (_name, text, line, message) => {
    expect(errorOf(text)).toMatchObject({ code: "LITMUS", line });
    expect(errorOf(text).message).toContain(message);
  });

  it("a question about all schedules is refused by the runner", () => {
    const scenario = parseScenario(`${HEAD}tasks: { T1: { SE: [0, 1] } }\nalways: { active: 0 }`);
    expect(() => runLitmus(scenario, engine)).toThrow("needs explore");
  });
});

describe("a schedule that cannot go on", () => {
  it("ends at a label that never comes, and lists those that did", () => {
    expect(
      failuresOf("notifiers: { A: list }\nsteps:\n  - do: { S: [0, 1] }\n    pause: in B.start"),
    ).toEqual([
      {
        profile: "v6.12",
        step: 1,
        line: 6,
        what: "pause of T1",
        expected: "in B.start",
        actual: "it is 0; points passed so far: before inv_start, before A.start, in A.start",
      },
    ]);
  });

  it("ends when somebody is given something to do who has not returned", () => {
    expect(
      failuresOf("steps:\n  - do: { S: [0, 1] }\n    pause: before inv_start\n  - do: E"),
    ).toMatchObject([
      { step: 2, what: "do of T1", actual: "it is still (paused: before inv_start)" },
    ]);
  });

  it("a result that is an error is a failure unless it is expected", () => {
    const twice = "steps:\n  - do: { SE: [0, 1], as: W }\n  - do: { E: W }\n";
    expect(failuresOf(twice)).toMatchObject([
      { step: 2, what: "result of T1", expected: "no error" },
    ]);
    expect(failuresOf(`${twice}    expect: { result: ALREADY_ENDED }`)).toEqual([]);
  });
});

describe("expectations", () => {
  it("say what was expected and what was there", () => {
    expect(
      failuresOf(
        "notifiers: { A: list }\nsteps:\n  - do: { S: [0, 1] }\n    expect:\n      calls: [A.end]\n      seq: 4",
      ),
    ).toEqual([
      { profile: "v6.12", step: 1, line: 8, what: "calls", expected: "A.end", actual: "A.start" },
      { profile: "v6.12", step: 1, line: 9, what: "seq", expected: "4", actual: "2" },
    ]);
  });

  it("keyed by a profile replace those of the same name that are not", () => {
    const text = "profiles: [v5.5, strict]\nsteps:\n  - expect: { seq: 2, strict: { seq: 4 } }";
    expect(failuresOf(text)).toMatchObject([{ profile: "strict", what: "seq", actual: "2" }]);
  });

  it("can be negated in the file", () => {
    expect(failuresOf("steps:\n  - expect: { not: { seq: 4 } }")).toEqual([]);
    expect(failuresOf("steps:\n  - expect: { not: { seq: 2 } }")).toMatchObject([
      { what: "seq", expected: "not 2", actual: "2" },
    ]);
  });
});

it("the story of a step begins at the margin, whatever an error has left open", () => {
  const scenario = parseScenario(`${HEAD}notifiers: { A: { list, later: true } }
steps:
  - signal: T1
    do: { register: A }
    expect: { result: -EINTR }
  - do: { register: A }
`);
  const [run] = runLitmus(scenario, engine).runs;
  expect(storyOf(scenario, run).split("\n").slice(3)).toEqual([
    "  1  signal: T1, do: { register: A }",
    "     T1  mmu_notifier_register(A)",
    "     = T1: -EINTR",
    "  2  do: { register: A }",
    "     T1  mmu_notifier_register(A)",
    "     T1  returns",
    "     = T1: 0",
    "",
  ]);
});

describe("what the auditor reports", () => {
  const text = `${HEAD}profile: v4.19
notifiers: { A: list, B: { list: { start: refuse } } }
steps:
  - do: { Sn: [0, 1] }
    expect: { reports: [V06 B], reports_say: B has an end }
finally: { reports: [V06, V08 A], reports_say: A.start approved }
`;
  const scenario = parseScenario(text);

  it("can be looked at", () => {
    expect(runLitmus(scenario, engine).failures).toEqual([]);
  });

  it("is told where it was found", () => {
    const [run] = runLitmus(scenario, engine).runs;
    expect(storyOf(scenario, run).split("\n").slice(3)).toEqual([
      "  1  do: { Sn: [0, 1] }",
      "     T1  mmu_notifier_invalidate_range_start_nonblock(mm, [0x0, 0x1), UNMAP)",
      "     T1    B.start returns -EAGAIN",
      "     T1    ! V06: B.start returned -EAGAIN in non-blocking mode and B has an end, which is not told whether its start ran",
      "     T1    A.start returns 0",
      "     T1  returns -EAGAIN, refused by B",
      "     = T1: -EAGAIN",
      "     ! V08: A.start approved non-blocking window 1 over [0x0, 0x1) at event 9, and it was refused and not rolled back",
      "",
    ]);
  });
});

describe("the page", () => {
  const page = readFileSync(join(import.meta.dirname, "README.md"), "utf8");
  const models = DRIVER_MODELS.filter((model) => model !== dmirror && model !== hmm2018);

  it.each(models.map((model) => [model.name, model] as const))(
    "says what %s offers",
    (_, model) => {
      const row = page.split("\n").find((line) => line.startsWith(`| \`${model.name}\` `)) ?? "";
      const [, , notifiers, mistakes, operations, properties] = row
        .split("|")
        .map((cell) => cell.trim());
      const offers = offersOf(model);
      const quoted = (names: readonly string[]): string[] => names.map((name) => `\`${name}\``);
      const merged = model.asMerged as readonly string[];
      expect({ notifiers, mistakes, operations, properties }).toEqual({
        notifiers: model.kind,
        mistakes: offers.personalities
          .map((name) => `\`${name}\`${merged.includes(name) ? "\\*" : ""}`)
          .join(", "),
        operations: quoted(offers.operations).join(", "),
        properties: quoted(offers.properties).join(", "),
      });
    },
  );
});
