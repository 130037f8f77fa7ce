import type { Sleepable } from "../../blocking/suspension.ts";
import type { CpuMm } from "./cpu-mm.ts";
import { handleMmFault } from "./fault.ts";
import type { PresentPte, SpecialPte } from "./pte.ts";
import { downRead, upRead } from "./told-locks.ts";
import { PAGE_SIZE } from "./units.ts";

/** What an access by a CPU came to. */
export type Access =
  | { readonly ok: true; readonly data: number }
  | { readonly ok: false; readonly signal: "SIGSEGV" | "SIGBUS" };

/** The process reads a page, by any of its addresses; it faults as often as it takes. */
export function* readUser(mm: CpuMm, address: number): Sleepable<Access> {
  return yield* access(mm, address, false, (pte) => (pte.kind === "present" ? pte.page.read() : 0));
}

/** The process writes a page. */
export function* writeUser(mm: CpuMm, address: number, data: number): Sleepable<Access> {
  return yield* access(mm, address, true, (pte) => {
    if (pte.kind === "present") pte.page.write(data);
    return data;
  });
}

/** Bare frames belong to a device that answers 0 and forgets. */
type UsablePte = PresentPte | SpecialPte;

function* access(
  mm: CpuMm,
  at: number,
  write: boolean,
  use: (pte: UsablePte) => number,
): Sleepable<Access> {
  const address = at - (at % PAGE_SIZE);
  for (;;) {
    if (mm.points) yield { kind: "point", label: write ? "before store" : "before load" };
    const pte = usablePte(mm, address, write);
    if (pte !== undefined) return { ok: true, data: use(pte) };
    const signal = yield* fault(mm, address, write);
    if (signal !== undefined) return { ok: false, signal };
  }
}

/** What the hardware finds without the kernel's help. */
function usablePte(mm: CpuMm, address: number, write: boolean): UsablePte | undefined {
  const pte = mm.pageTable.pteOf(address);
  if (pte?.kind !== "present" && pte?.kind !== "special") return undefined;
  if (write && !pte.writable) return undefined;
  // Entries of a mapping that may not be read are marked so: `pte_protnone`.
  return mm.vmas.lookup(address)?.protection.read === false ? undefined : pte;
}

/** `do_user_addr_fault`. The signal that the process gets, if it does. */
function* fault(
  mm: CpuMm,
  address: number,
  write: boolean,
): Sleepable<"SIGSEGV" | "SIGBUS" | undefined> {
  const { mmapLock } = mm.space;
  yield* downRead(mmapLock, mm.tell);
  const vma = mm.vmas.lookup(address);
  if (vma === undefined || !(write ? vma.protection.write : vma.protection.read)) {
    upRead(mmapLock, mm.tell);
    return "SIGSEGV";
  }
  const result = yield* handleMmFault(mm, vma, address, { write, allowRetry: true });
  if (result !== "retry") upRead(mmapLock, mm.tell);
  return result === "sigbus" ? "SIGBUS" : undefined;
}
