// Finished pictures, kept in this browser (IndexedDB): the newest, up to a cap. Where the browser keeps nothing, they last as
// long as the page.

const NAME = "marimba";
const PICTURES = "pictures";
export const MOST_PICTURES = 300;

export class PictureStore {
  #database;
  #isLasting = true;

  get isLasting() {
    return this.#isLasting;
  }

  /** All pictures, the newest first. */
  async open() {
    try {
      this.#database = await openDatabase();
    } catch {
      this.#isLasting = false;
    }
    return (await this.read()) ?? [];
  }

  /** All pictures, the newest first; undefined where they are not kept beyond the page. */
  async read() {
    if (!this.#database || !this.#isLasting) return undefined;
    try {
      return (await this.#run("readonly", (pictures) => pictures.getAll())).sort(byAge);
    } catch {
      this.#isLasting = false;
      return undefined;
    }
  }

  /** Throws nothing: a full disk costs the keeping, not the pictures. */
  async add(pictures) {
    await this.#write((store) => pictures.map((picture) => store.put(picture)).at(-1));
  }

  async remove(ids) {
    await this.#write((store) => ids.map((id) => store.delete(id)).at(-1));
  }

  async #write(work) {
    if (!this.#database) return;
    try {
      await this.#run("readwrite", work);
    } catch {
      this.#isLasting = false;
    }
  }

  #run(mode, work) {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(PICTURES, mode);
      const request = work(transaction.objectStore(PICTURES));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }
}

function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(PICTURES, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = () => reject(request.error);
  });
}

function byAge(a, b) {
  return b.madeAt - a.madeAt || a.index - b.index;
}
