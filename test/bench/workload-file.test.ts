import { describe, expect, it } from "vitest";
import { encodeWorkload, prepareWorkload } from "../../bench/native/workload-file.ts";
import { churnOf, INSERT, intervalsOf, removalOrderOf } from "../../bench/workloads.ts";

const HEADER_BYTES = 32;

describe("the workload file", () => {
  const workload = prepareWorkload("W1", 1000, 4096);
  const bytes = encodeWorkload(workload);
  const view = new DataView(bytes.buffer);
  const queries = workload.queryStarts.length;
  const operations = workload.churnStarts.length;

  it("says what it holds", () => {
    const words = [0, 4, 8, 12, 16, 20].map((at) => view.getUint32(at, true));
    expect(words).toEqual([0x4c57564e, 1, 1000, queries, operations, workload.idCount]);
    expect(bytes.length).toBe(HEADER_BYTES + 24 * 1000 + 16 * queries + 24 * operations);
  });

  it("has closed bounds in bytes, little-endian", () => {
    const long = (at: number): bigint => view.getBigUint64(HEADER_BYTES + 8 * at, true);
    expect(long(0)).toBe(32445n * 4096n);
    expect(long(1000)).toBe(32519n * 4096n - 1n);
    expect(long(2000)).toBe(179634n * 4096n);
    expect(long(2000 + queries)).toBe(179945n * 4096n - 1n);
  });

  it("has both orders and the churn after them", () => {
    const from = HEADER_BYTES + 8 * (2000 + 2 * queries + 2 * operations);
    const words = (at: number, count: number): string =>
      Array.from({ length: count }, (_, i) => view.getUint32(from + 4 * (at + i), true)).join();
    const churn = churnOf(intervalsOf("W1", 1000));
    expect(words(0, 1000)).toBe(intervalsOf("W1", 1000).order.join());
    expect(words(1000, 1000)).toBe(removalOrderOf(1000).join());
    expect(words(2000, operations)).toBe(churn.ids.join());
    expect(words(2000 + operations, operations)).toBe(churn.opcodes.join());
    const ascending = removalOrderOf(1000).toSorted();
    expect(ascending.every((id, i) => id === i)).toBe(true);
  });

  it("leaves room for all ids, and an address that nothing reaches", () => {
    const inserted = [...workload.churnOpcodes].filter((opcode) => opcode === INSERT).length;
    expect(workload.idCount).toBe(1000 + inserted);
    for (const lasts of [workload.lasts, workload.queryLasts, workload.churnLasts]) {
      expect(lasts.every((last) => last < workload.spareAddress)).toBe(true);
    }
  });
});
