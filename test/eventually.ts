import { vi } from "vitest";

/** Resolves once the check passes; rejects as it does where that takes longer than any machine needs. */
export const eventually = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 30_000, interval: 20 });
