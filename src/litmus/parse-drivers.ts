import type { ActorKind } from "./actors/actor.ts";
import { ACTOR_KINDS, actorKind, isHmm, needsHmm } from "./actors/kinds.ts";
import { type Declared, nameOf } from "./declared.ts";
import type { ActorDeclaration } from "./scenario.ts";
import type { Item } from "./source.ts";

/** The kinds of the drivers of a file, by name: enough to check what others say about them. */
export function kindsOf(entries: readonly [string, Item][]): ReadonlyMap<string, ActorKind> {
  const kinds = new Map<string, ActorKind>();
  const names = new Set<string>();
  for (const [name, item] of entries) {
    const kind = kindNameOf(item);
    if (needsHmm(kind) && ![...names].some(isHmm)) {
      item.fail(`${name} needs a version of HMM above it, such as hmm: hmm-4.19`);
    }
    names.add(kind);
    kinds.set(name, actorKind(kind));
  }
  return kinds;
}

function kindNameOf(item: Item): string {
  if (!item.isMap) return nameOf(item, ACTOR_KINDS, "driver");
  const [, given] = item.entries.find(([key]) => key === "driver") ?? [];
  return nameOf(given ?? item.fail("driver is missing"), ACTOR_KINDS, "driver");
}

/** `K: kvm`, or `K: { driver: kvm, OPTION: ... }`. */
export function readDrivers(
  entries: readonly [string, Item][],
  declared: Declared,
): ActorDeclaration[] {
  return entries.map(([name, item]) => {
    const kind = declared.actors.get(name) as ActorKind;
    const fields = item.isMap
      ? item.fields(["driver", "mm", "later", ...kind.options])
      : new Map<string, Item>();
    const mm = fields.get("mm");
    return {
      name,
      line: item.line,
      mm: mm === undefined ? declared.mms[0] : nameOf(mm, declared.mms, "mm"),
      later: fields.get("later")?.boolean ?? false,
      isHmm: isHmm(kindNameOf(item)),
      make: kind.read({ name, item, fields, declared }),
    };
  });
}
