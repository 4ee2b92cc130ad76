/** Milliseconds of the process's monotonic clock: one clock for every thread, untouched when the wall clock is set. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Epoch milliseconds of the monotonic clock's zero, as this thread read them when it began. */
const epochOfZero = performance.timeOrigin + performance.now() - monotonicMs();

/** A reading of the monotonic clock in epoch milliseconds with their fraction. */
export const toEpochMs = (monotonic: number): number => epochOfZero + monotonic;

/** Now, in epoch milliseconds with their fraction. */
export const epochMs = (): number => toEpochMs(monotonicMs());
