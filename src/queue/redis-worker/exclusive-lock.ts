export type LockMode = "shared" | "exclusive";

/**
 * A readers-writer lock: many images run together, or one alone. An image that has killed two workers waits until its
 * neighbours are done, and no other begins beside it, so that it can't take them down too.
 */
export class ExclusiveLock {
  #running = 0;
  /** Exclusive holders that wait or run. While there are any, shared ones wait. */
  #exclusive = 0;
  #waiting: { readonly mode: LockMode; readonly enter: () => void }[] = [];

  enter(mode: LockMode): Promise<void> {
    if (mode === "exclusive") this.#exclusive++;
    return new Promise((enter) => {
      this.#waiting.push({ mode, enter });
      this.#admit();
    });
  }

  leave(mode: LockMode): void {
    if (mode === "exclusive") this.#exclusive--;
    this.#running--;
    this.#admit();
  }

  #admit(): void {
    for (;;) {
      const place = this.#exclusive > 0 ? this.#waiting.findIndex(({ mode }) => mode === "exclusive") : 0;
      const next = this.#waiting[place];
      if (!next || (next.mode === "exclusive" ? this.#running > 0 : this.#exclusive > 0)) return;
      this.#waiting.splice(place, 1);
      this.#running++;
      next.enter();
      if (next.mode === "exclusive") return;
    }
  }
}
