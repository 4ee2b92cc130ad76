/** How long a watcher's word counts; whoever still watches says it again. */
export const WATCHED_MS = 6000;

/** Which jobs somebody watches the previews of, as a worker was told. */
export class PreviewInterest {
  readonly #until = new Map<string, number>();

  watched(id: string): void {
    this.#until.set(id, Date.now() + WATCHED_MS);
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
