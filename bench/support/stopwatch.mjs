const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

/**
 * Starts a stopwatch for work that waits for nothing. Wall time counts what other processes took of the processor, CPU
 * time counts all threads of this one: the work itself took no longer than the smaller of the two.
 *
 * @returns the ms since the start, at most
 */
export function startStopwatch() {
  const fromMs = performance.now();
  const fromCpuMs = cpuMs();
  return () => Math.min(performance.now() - fromMs, cpuMs() - fromCpuMs);
}
