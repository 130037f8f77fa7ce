/**
 * CPU time of this process so far, all threads, in nanoseconds; in steps of a microsecond. Other
 * programs on a shared machine stretch the wall clock but not this.
 */
export function cpuNanoseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}
