/**
 * Milliseconds of the process's monotonic clock, which all of its threads share. Durations and deadlines are measured with
 * it, because the wall clock may be wrong, and may be set at any time.
 */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;
