// The system calls that matter, by name.

import { Interner } from "./interner.ts";

/** What a successful call does to an address space. Calls without an effect only count. */
export type Effect =
  | "none"
  | "mmap"
  | "munmap"
  | "mremap"
  | "mprotect"
  | "madvise"
  | "brk"
  | "shmget"
  | "shmat"
  | "shmdt"
  | "remap_file_pages"
  | "process_mrelease"
  | "exec"
  | "fork";

const EFFECTS: ReadonlyMap<string, Effect> = new Map<string, Effect>([
  ["mmap", "mmap"],
  ["mmap2", "mmap"],
  ["old_mmap", "mmap"],
  ["munmap", "munmap"],
  ["mremap", "mremap"],
  ["mprotect", "mprotect"],
  ["pkey_mprotect", "mprotect"],
  ["madvise", "madvise"],
  ["brk", "brk"],
  ["shmget", "shmget"],
  ["shmat", "shmat"],
  ["shmdt", "shmdt"],
  ["remap_file_pages", "remap_file_pages"],
  ["process_mrelease", "process_mrelease"],
  ["execve", "exec"],
  ["execveat", "exec"],
  ["clone", "fork"],
  ["clone3", "fork"],
  ["fork", "fork"],
  ["vfork", "fork"],
]);

export class CallName {
  readonly text: string;
  readonly effect: Effect;
  readonly forks: boolean;
  /**
   * Takes effect where it begins: what it frees may be handed to another thread before the log
   * shows that it has returned.
   */
  readonly early: boolean;

  constructor(text: string) {
    this.text = text;
    this.effect = EFFECTS.get(text) ?? "none";
    this.forks = this.effect === "fork";
    this.early = this.effect === "munmap" || this.effect === "process_mrelease";
  }
}

export function callNames(): Interner<CallName> {
  return new Interner((text) => new CallName(text));
}
