import { Compiler } from "./compiler.ts";
import { type Declared, nameOf, type SubscriberKind } from "./declared.ts";
import { LIST_CALLBACKS, TWO_PASS_CALLBACKS } from "./names.ts";
import type { Program } from "./program.ts";
import { addressOf, type Bounds, boundsOf } from "./quantities.ts";
import type { CallbackName, SubscriberDeclaration } from "./scenario.ts";
import type { Item } from "./source.ts";

const KINDS: readonly SubscriberKind[] = ["list", "interval", "passive"];

const EMPTY: Program = { operations: [], decidesSequence: false };

/** A notifier by name, kind and range: enough to check what others say about it. */
export interface Shape {
  readonly name: string;
  readonly kind: SubscriberKind;
  readonly bounds: Bounds | undefined;
}

/** `vmas` by name, so that a notifier can mirror one; and those above it, to mirror the same. */
export function shapesOf(
  entries: readonly [string, Item][],
  vmas: ReadonlyMap<string, Bounds>,
): Shape[] {
  const ranges = new Map(vmas);
  return entries.map(([name, item]) => {
    if (!item.isMap) {
      if (item.scalar === "list") return { name, kind: "list", bounds: undefined };
      return item.fail(`${name} is "list", or a map with one of the keys ${KINDS.join(", ")}`);
    }
    const found = item.entries.filter(([key]) => (KINDS as readonly string[]).includes(key));
    if (found.length !== 1) {
      item.fail(`${name} needs exactly one of the keys ${KINDS.join(", ")}`);
    }
    const [[kind, value]] = found;
    const bounds = kind === "list" ? undefined : readBounds(value, ranges);
    if (bounds !== undefined) ranges.set(name, bounds);
    return { name, kind: kind as SubscriberKind, bounds };
  });
}

/** `[start, end]`, a name, or `{ start, length }`, which can be empty or too long. */
function readBounds(item: Item, ranges: ReadonlyMap<string, Bounds>): Bounds {
  if (!item.isMap) return boundsOf(item, ranges);
  const fields = item.fields(["start", "length"]);
  const read = (name: string): bigint =>
    addressOf(fields.get(name) ?? item.fail(`${name} is missing`));
  const start = read("start");
  return { start, end: start + read("length") };
}

export function readNotifiers(
  entries: readonly [string, Item][],
  shapes: readonly Shape[],
  declared: Declared,
): SubscriberDeclaration[] {
  return entries.map(([name, item], index) => {
    const { kind, bounds } = shapes[index];
    const fields = fieldsOf(item, kind);
    const mm = fields.get("mm");
    const counter = fields.get("counter");
    return {
      name,
      line: item.line,
      kind,
      bounds,
      mm: mm === undefined ? declared.mms[0] : nameOf(mm, declared.mms, "mm"),
      later: fields.get("later")?.boolean ?? false,
      callbacks: readCallbacks(item, kind, fields, declared),
      counter: counter === undefined ? undefined : counterName(name, counter),
      userLock: readLock(fields.get("lock"), declared),
    };
  });
}

function fieldsOf(item: Item, kind: SubscriberKind): ReadonlyMap<string, Item> {
  if (!item.isMap) return new Map();
  const common = ["mm", "later"];
  switch (kind) {
    case "list":
      return item.fields(["list", "counter", ...common]);
    case "interval":
      return item.fields(["interval", "invalidate", "start", "finish", "lock", ...common]);
    case "passive":
      return item.fields(["passive", ...common]);
  }
}

function counterName(notifier: string, item: Item): string {
  if (item.scalar === true) return notifier;
  return item.text;
}

function readLock(item: Item | undefined, declared: Declared): string | undefined {
  return item === undefined ? undefined : nameOf(item, declared.locks.keys(), "lock");
}

function readCallbacks(
  item: Item,
  kind: SubscriberKind,
  fields: ReadonlyMap<string, Item>,
  declared: Declared,
): ReadonlyMap<CallbackName, Program> {
  const callbacks = new Map<CallbackName, Program>();
  if (kind === "passive") return callbacks;
  if (kind === "interval") {
    const isTwoPass = fields.has("start") || fields.has("finish");
    if (isTwoPass && fields.has("invalidate")) {
      item.fail("an interval notifier has either invalidate, or start and finish");
    }
    const names: readonly CallbackName[] = isTwoPass ? TWO_PASS_CALLBACKS : ["invalidate"];
    for (const name of names) readCallback(callbacks, name, fields.get(name), "interval", declared);
    if (isTwoPass && !callbacks.has("start")) item.fail("start cannot be none");
    if (!isTwoPass && !callbacks.has("invalidate")) item.fail("invalidate cannot be none");
    return callbacks;
  }
  const given = fields.get("list")?.fields([...LIST_CALLBACKS.keys()]);
  for (const [name, otherwise] of LIST_CALLBACKS) {
    const value = given?.get(name);
    if (value === undefined && otherwise === "absent") continue;
    readCallback(callbacks, name, value, "list", declared);
  }
  return callbacks;
}

function readCallback(
  callbacks: Map<CallbackName, Program>,
  name: CallbackName,
  item: Item | undefined,
  of: "list" | "interval",
  declared: Declared,
): void {
  if (item?.scalar === "none") return;
  if (item === undefined || item.scalar === null || item.scalar === "plain") {
    callbacks.set(name, EMPTY);
    return;
  }
  const compiler = new Compiler(declared, of);
  const operations = compiler.compile(item);
  callbacks.set(name, { operations, decidesSequence: compiler.decidesSequence });
}
