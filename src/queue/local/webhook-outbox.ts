import type { JobRecord } from "../../job.js";
import { monotonicMs } from "../../telemetry/monotonic-clock.js";
import { type Delivery, MAX_PENDING_WEBHOOKS, type WebhookOutbox } from "../queue.js";

interface Waiting {
  readonly record: JobRecord;
  attempts: number;
  /** Monotonic milliseconds. */
  dueMs: number;
}

/** Pending webhooks, in this process's memory. */
export class LocalWebhookOutbox implements WebhookOutbox {
  readonly #waiting = new Map<string, Waiting>();
  readonly #pending = new Map<string, number>();

  isBackedUp(caller: string): boolean {
    return (this.#pending.get(caller) ?? 0) >= MAX_PENDING_WEBHOOKS;
  }

  add(record: JobRecord): void {
    const { id, caller = "" } = record.spec;
    this.#waiting.set(id, { record, attempts: 0, dueMs: monotonicMs() });
    this.#pending.set(caller, (this.#pending.get(caller) ?? 0) + 1);
  }

  async take(count: number, leaseMs: number): Promise<Delivery[]> {
    const now = monotonicMs();
    const due = [...this.#waiting.values()].filter(({ dueMs }) => dueMs <= now).sort((a, b) => a.dueMs - b.dueMs);
    return due.slice(0, count).map((waiting) => {
      waiting.dueMs = now + leaseMs;
      return { record: waiting.record, attempt: ++waiting.attempts };
    });
  }

  async end(jobId: string): Promise<void> {
    const { caller = "" } = this.#waiting.get(jobId)?.record.spec ?? {};
    if (!this.#waiting.delete(jobId)) return;
    const left = this.#pending.get(caller)! - 1;
    if (left > 0) this.#pending.set(caller, left);
    else this.#pending.delete(caller);
  }

  async postpone(jobId: string, delayMs: number, attempt: "used" | "unused"): Promise<void> {
    const waiting = this.#waiting.get(jobId);
    if (!waiting) return;
    waiting.dueMs = monotonicMs() + delayMs;
    if (attempt === "unused") waiting.attempts--;
  }
}
