/** How long a watcher's word counts; whoever still watches says it again. */
export const WATCHED_MS = 6000;

/** Which jobs somebody watches the previews of, as a worker was told: of those that others make, too. */
export class PreviewInterest {
  /** In the order of their times. */
  readonly #until = new Map<string, number>();

  get size(): number {
    return this.#until.size;
  }

  watched(id: string): void {
    const now = Date.now();
    this.#until.delete(id);
    this.#until.set(id, now + WATCHED_MS);
    for (const [oldest, until] of this.#until) {
      if (until > now) break;
      this.#until.delete(oldest);
    }
  }

  has(id: string): boolean {
    const until = this.#until.get(id);
    if (until === undefined) return false;
    if (until > Date.now()) return true;
    this.#until.delete(id);
    return false;
  }

  /** Forgets a job that no image is made of here. */
  forget(id: string): void {
    this.#until.delete(id);
  }
}
