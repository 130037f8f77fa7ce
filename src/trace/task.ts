// What is known of one process number.

import type { Address } from "../engine/addresses.ts";
import { ByteBuffer } from "./bytes.ts";
import type { CallName } from "./call-names.ts";
import type { Mm } from "./mm.ts";

const TEXT_KEPT_MAX_BYTES = 1024;

export class Task {
  readonly pid: Address;
  /** Runs at this point of the log, as far as lines without a pid can be told apart. */
  live = false;
  /** The call it has begun and not yet completed. */
  openName: CallName | null = null;
  openArguments: ByteBuffer | undefined;
  /** The number of that call among those that take effect where they begin. */
  openEarly = -1;
  /** The address space it is bound to. */
  mm: Mm | undefined;
  /** Address spaces made so far for this process number. */
  mmsCreated = 0;
  /** How many of the forks with this child are known to be applied. */
  forksApplied = 0;

  constructor(pid: Address) {
    this.pid = pid;
  }

  open(name: CallName): ByteBuffer {
    this.openName = name;
    this.openEarly = -1;
    this.openArguments ??= new ByteBuffer(TEXT_KEPT_MAX_BYTES);
    this.openArguments.clear();
    return this.openArguments;
  }

  /** Takes over another task's open call; its own one must be closed. */
  adopt(other: Task): void {
    const spare = this.openArguments;
    this.openName = other.openName;
    this.openArguments = other.openArguments;
    this.openEarly = other.openEarly;
    other.openName = null;
    other.openArguments = spare;
  }
}
