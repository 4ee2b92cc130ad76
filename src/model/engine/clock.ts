/** Milliseconds of the process's monotonic clock: one clock for every thread, untouched when the wall clock is set. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Now, in epoch milliseconds with their fraction. */
export const epochMs = (): number => performance.timeOrigin + performance.now();
