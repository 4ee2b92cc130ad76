import { vi } from "vitest";

/** Resolves once the check passes; rejects with its last error after longer than any machine needs. */
export const eventually = <T>(check: () => T | Promise<T>, timeoutMs = 60_000): Promise<T> =>
  vi.waitFor(check, { timeout: timeoutMs, interval: 50 });
