import type { AddressSpace } from "../notifier/address-space.ts";

/**
 * What must hold of an address space after every step, whatever the notifiers and callers do: each
 * broken rule in words. Ends without a start are the one thing that takes the counter below zero, and
 * the kernel's rules with it.
 */
export function brokenInvariants(mm: AddressSpace): string[] {
  const { sequence, activeInvalidations, deferred, intervalNotifiers } = mm;
  const broken: string[] = [];
  mm.mirrors.tree.verify();
  if (activeInvalidations < 0) return broken;
  const isFrozen = sequence % 2 === 1;
  if (isFrozen && activeInvalidations === 0) broken.push("SEQ is odd, but no invalidation is open");
  if (deferred.length > 0 && !isFrozen) broken.push("work is deferred, but SEQ is even");
  for (const { name, sequence: own } of intervalNotifiers) {
    if (own % 2 === 0) broken.push(`the sequence of ${name} is even: ${own}`);
  }
  return broken;
}
