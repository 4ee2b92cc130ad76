import type { JobRecord } from "../../job.js";
import { type Delivery, type DeliveryQueue, MAX_DELIVERIES_OF_CALLER } from "../queue.js";

interface Waiting {
  readonly record: JobRecord;
  attempts: number;
  /** Epoch milliseconds. */
  dueAt: number;
}

/** Ends of jobs that are to be told to webhooks, in this process's memory. */
export class Deliveries implements DeliveryQueue {
  readonly #waiting = new Map<string, Waiting>();
  readonly #untold = new Map<string, number>();

  isBackedUp(caller: string): boolean {
    return (this.#untold.get(caller) ?? 0) >= MAX_DELIVERIES_OF_CALLER;
  }

  add(record: JobRecord): void {
    const { id, caller = "" } = record.spec;
    this.#waiting.set(id, { record, attempts: 0, dueAt: Date.now() });
    this.#untold.set(caller, (this.#untold.get(caller) ?? 0) + 1);
  }

  async take(count: number, leaseMs: number): Promise<Delivery[]> {
    const now = Date.now();
    const due = [...this.#waiting.values()].filter(({ dueAt }) => dueAt <= now).sort((a, b) => a.dueAt - b.dueAt);
    return due.slice(0, count).map((waiting) => {
      waiting.dueAt = now + leaseMs;
      return { record: waiting.record, attempt: ++waiting.attempts };
    });
  }

  async end(jobId: string): Promise<void> {
    const { caller = "" } = this.#waiting.get(jobId)?.record.spec ?? {};
    if (!this.#waiting.delete(jobId)) return;
    const left = this.#untold.get(caller)! - 1;
    if (left > 0) this.#untold.set(caller, left);
    else this.#untold.delete(caller);
  }

  async postpone(jobId: string, delayMs: number, attempt: "used" | "unused"): Promise<void> {
    const waiting = this.#waiting.get(jobId);
    if (!waiting) return;
    waiting.dueAt = Date.now() + delayMs;
    if (attempt === "unused") waiting.attempts--;
  }
}
