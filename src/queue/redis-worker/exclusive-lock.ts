/**
 * Lets many run together, or one alone: an image that two workers died of waits until its neighbours are done, and none
 * starts beside it, so that it can't take them with it.
 */
export class RunAlone {
  #running = 0;
  #alone = 0;
  #waiting: { readonly alone: boolean; readonly enter: () => void }[] = [];

  /** Whether one wants to run alone: whoever can should let it. */
  get isWanted(): boolean {
    return this.#alone > 0;
  }

  enter(alone: boolean): Promise<void> {
    if (alone) this.#alone++;
    return new Promise((enter) => {
      this.#waiting.push({ alone, enter });
      this.#admit();
    });
  }

  leave(alone: boolean): void {
    if (alone) this.#alone--;
    this.#running--;
    this.#admit();
  }

  #admit(): void {
    for (;;) {
      const place = this.isWanted ? this.#waiting.findIndex(({ alone }) => alone) : 0;
      const next = this.#waiting[place];
      if (!next || (next.alone ? this.#running > 0 : this.isWanted)) return;
      this.#waiting.splice(place, 1);
      this.#running++;
      next.enter();
      if (next.alone) return;
    }
  }
}
