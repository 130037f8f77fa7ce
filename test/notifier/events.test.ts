import { describe, expect, it } from "vitest";
import { AddressSpace, END, type NotifierEvent, toNdjson } from "../../src/index.ts";

describe("the event stream", () => {
  it("tells everything observable, in order", () => {
    const events: NotifierEvent[] = [];
    const mm = new AddressSpace({ name: "a", events: (event) => events.push(event) });
    const mirror = mm.mirrors.insert(0x1000, 0x2000);
    const sequence = mm.mirrors.readBegin(mirror);
    mm.mirrors.lock(mirror);
    mm.mirrors.tryLock(mirror);
    mm.tryInvalidateRangeStart({ start: 0, end: END, event: "CLEAR" });
    mm.mirrors.readRetry(mirror, sequence);
    mm.mirrors.unlock(mirror);
    const window = mm.invalidateRangeStart({ start: 0, end: END });
    const newcomer = mm.mirrors.insert(0, 1);
    mm.mirrors.remove(newcomer);
    const late = mm.mirrors.insert(0, 1);
    window.end();
    mm.mirrors.remove(mirror);

    const space = { mm: "a" };
    const range = { start: 0, end: END };
    expect(events).toEqual([
      {
        kind: "mirror-insert",
        ...space,
        mirror,
        start: 0x1000,
        end: 0x2000,
        sequence: 1,
        deferred: false,
      },
      { kind: "read-begin", ...space, subscriber: mirror, sequence: 1 },
      { kind: "mirror-lock", ...space, mirror },
      { kind: "mirror-trylock-failed", ...space, mirror },
      {
        kind: "invalidate-enter",
        ...space,
        window: 1,
        event: "CLEAR",
        blockable: false,
        ...range,
      },
      {
        kind: "invalidate-refused",
        ...space,
        window: 1,
        event: "CLEAR",
        ...range,
        errno: "EAGAIN",
        refusedBy: mirror,
        leftActive: false,
      },
      {
        kind: "read-retry",
        ...space,
        subscriber: mirror,
        sequence: 1,
        retry: false,
        locked: true,
      },
      { kind: "mirror-unlock", ...space, mirror },
      {
        kind: "invalidate-enter",
        ...space,
        window: 2,
        event: "UNMAP",
        blockable: true,
        ...range,
      },
      { kind: "sequence", ...space, sequence: 3, active: 1 },
      {
        kind: "invalidate-start",
        ...space,
        window: 2,
        event: "UNMAP",
        blockable: true,
        ...range,
        sequence: 3,
        hits: 1,
      },
      {
        kind: "mirror-insert",
        ...space,
        mirror: newcomer,
        start: 0,
        end: 1,
        sequence: 3,
        deferred: true,
      },
      { kind: "mirror-remove", ...space, mirror: newcomer, deferred: false },
      {
        kind: "mirror-insert",
        ...space,
        mirror: late,
        start: 0,
        end: 1,
        sequence: 3,
        deferred: true,
      },
      { kind: "invalidate-end-enter", ...space, window: 2, blockable: true, ...range },
      { kind: "sequence", ...space, sequence: 4, active: 0 },
      { kind: "mirror-inserted", ...space, mirror: late },
      { kind: "invalidate-end", ...space, window: 2, sequence: 4 },
      { kind: "mirror-remove", ...space, mirror, deferred: false },
    ]);
  });

  it("is one JSON object a line, with addresses in hex", () => {
    const lines: string[] = [];
    const mm = new AddressSpace({ events: (event) => lines.push(toNdjson(event)) });
    mm.invalidateRangeStart({ start: 4096, end: END });
    expect(lines).toEqual([
      '{"kind":"invalidate-enter","mm":"mm","window":1,"event":"UNMAP","blockable":true,"start":"0x1000","end":"0x10000000000000000"}\n',
      '{"kind":"invalidate-start","mm":"mm","window":1,"event":"UNMAP","blockable":true,"start":"0x1000","end":"0x10000000000000000","sequence":3,"hits":0}\n',
    ]);
  });
});
