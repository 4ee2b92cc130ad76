import { isFinal, type JobRecord } from "../../job.js";
import { monotonicMs } from "../../telemetry/monotonic-clock.js";
import { lostRecord, shownProgress } from "../queue.js";

/** A job that this process follows, as it stood when it was last heard of. */
export class Watch {
  readonly #listeners = new Set<() => void>();
  /** Changes that came before the record. */
  #early: string[] = [];
  record: JobRecord | undefined;
  #heardMs = 0;
  #isGone = false;

  constructor(readonly id: string) {}

  /** Whether a finished job was seen to be gone, or has outlived its time to live since it was last heard of. */
  get isExpired(): boolean {
    if (this.#isGone) return true;
    const { finishedAt = 0, expiresAt = Number.POSITIVE_INFINITY } = this.record ?? {};
    return monotonicMs() - this.#heardMs >= expiresAt - finishedAt;
  }

  get isUsed(): boolean {
    return this.#listeners.size > 0;
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes a record that was read, unless a newer one is here and the job goes on. */
  set(record: JobRecord): void {
    // Read again, a waiting job has the same number but perhaps another position.
    const isOlder = this.record && this.record.seq > record.seq;
    if (isOlder && !isFinal(record.state)) return;
    // Where Redis restarted with older data, it counts from there: an end is news all the same.
    this.record = isOlder ? { ...record, seq: this.record!.seq + 1 } : record;
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.apply(message);
    this.#notify();
  }

  /** The job is in Redis no longer. */
  lose(): void {
    if (!this.record) return;
    if (isFinal(this.record.state)) this.#isGone = true;
    else {
      this.record = lostRecord(this.record);
      this.#notify();
    }
  }

  /** Applies "seq changes" as keys.lua publishes it; returns false where the changes were too long to be published. */
  apply(message: string): boolean {
    if (!this.record) {
      this.#early.push(message);
      return true;
    }
    const space = message.indexOf(" ");
    const seq = Number(message.slice(0, space));
    if (seq <= this.record.seq) return true;
    const changes = JSON.parse(message.slice(space + 1)) as Partial<JobRecord>;
    if (changes.state && isFinal(changes.state) && !changes.finishedAt) return false;
    const { position: _, ...record } = this.record;
    const { state, progress } = { ...record, ...changes };
    this.record = {
      ...record,
      ...changes,
      seq,
      ...(progress && { progress: shownProgress(state, progress.step, progress.of) }),
    };
    this.#notify();
    return true;
  }

  #notify(): void {
    this.#heardMs = monotonicMs();
    for (const listener of this.#listeners) listener();
  }
}

const HOLD_MS = 5000;

/**
 * The jobs this process follows, by id. A job that was just submitted is held for a few seconds, so that the request that
 * waits for it next needs to read nothing and misses nothing.
 */
export class Watches {
  readonly #watches = new Map<string, Watch>();
  #held = new Set<string>();
  #heldBefore = new Set<string>();
  readonly #timer = setInterval(() => this.#dropHeld(), HOLD_MS).unref();

  /** Looks up the id of every message: for ids that nobody here waits for this is the whole cost. */
  get(id: string): Watch | undefined {
    return this.#watches.get(id);
  }

  open(id: string): Watch {
    let watch = this.#watches.get(id);
    // What is held of a job must not outlive the job.
    if (!watch || watch.isExpired) {
      watch = new Watch(id);
      this.#watches.set(id, watch);
    }
    return watch;
  }

  hold(id: string): Watch {
    this.#held.add(id);
    return this.open(id);
  }

  /** Forgets a job once it has no listener and is not held. */
  release(watch: Watch): void {
    if (watch.isUsed || this.#held.has(watch.id) || this.#heldBefore.has(watch.id)) return;
    if (this.#watches.get(watch.id) === watch) this.#watches.delete(watch.id);
  }

  drop(watch: Watch): void {
    this.#held.delete(watch.id);
    this.#heldBefore.delete(watch.id);
    this.release(watch);
  }

  /** Jobs that may still change. */
  unfinished(): Watch[] {
    return [...this.#watches.values()].filter(({ record }) => !record || !isFinal(record.state));
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #dropHeld(): void {
    const old = this.#heldBefore;
    this.#heldBefore = this.#held;
    this.#held = new Set();
    for (const id of old) {
      const watch = this.#watches.get(id);
      if (watch) this.release(watch);
    }
  }
}
