import { SrcuDomain } from "../blocking/srcu.ts";
import type { Warning } from "./events.ts";

/**
 * What all address spaces of one kernel share: the SRCU domain, so that a callback stuck in one process
 * delays an unregister in another, and the warnings that are given once. The library has one; a
 * simulation makes its own, so that its runs do not see each other.
 */
export class NotifierDomain {
  readonly srcu: SrcuDomain = new SrcuDomain();
  readonly #warned = new Set<Warning>();

  /** @internal True the first time: `WARN_ON_ONCE`. */
  warnsFirst(warning: Warning): boolean {
    if (this.#warned.has(warning)) return false;
    this.#warned.add(warning);
    return true;
  }
}
