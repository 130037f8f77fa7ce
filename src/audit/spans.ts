import type { Address } from "../engine/addresses.ts";

/** A range as rules compare it: closed, whatever types the bounds came in. */
export interface Span {
  readonly start: bigint;
  readonly last: bigint;
}

/** The span of the half-open `[start, end)`; an end of 0 is the end of the space, as in the kernel. */
export function spanOf(start: Address, end: Address): Span {
  return { start: BigInt(start), last: BigInt.asUintN(64, BigInt(end) - 1n) };
}

export function overlap(a: Span, b: Span): boolean {
  return a.start <= b.last && b.start <= a.last;
}

export function isSame(a: Span, b: Span): boolean {
  return a.start === b.start && a.last === b.last;
}

/** Whether every address of a span lies in one of the others. */
export function isCovered(span: Span, others: readonly Span[]): boolean {
  let next = span.start;
  for (const { start, last } of [...others].sort(byStart)) {
    if (start > next) return false;
    if (last >= span.last) return true;
    if (last >= next) next = last + 1n;
  }
  return false;
}

/** What is left of spans when one is taken out of all of them. */
export function without(spans: readonly Span[], gone: Span): Span[] {
  return spans.flatMap((span) => {
    if (!overlap(span, gone)) return [span];
    const left: Span[] = [];
    if (span.start < gone.start) left.push({ start: span.start, last: gone.start - 1n });
    if (span.last > gone.last) left.push({ start: gone.last + 1n, last: span.last });
    return left;
  });
}

/** As ranges are written: half-open, in hex. */
export function spanText({ start, last }: Span): string {
  return `[0x${start.toString(16)}, 0x${(last + 1n).toString(16)})`;
}

function byStart(a: Span, b: Span): number {
  return a.start < b.start ? -1 : a.start > b.start ? 1 : 0;
}
