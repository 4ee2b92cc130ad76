// The newest finished images, stored in this browser (IndexedDB). If storage is unavailable, they last as long as the page.

const NAME = "marimba";
// Another name would hide the images that browsers already store.
const STORE = "pictures";
export const MAX_IMAGES = 300;

export class ImageStore {
  #database;
  #isLasting = true;

  get isLasting() {
    return this.#isLasting;
  }

  /** All images, newest first. */
  async open() {
    try {
      this.#database = await openDatabase();
    } catch {
      this.#isLasting = false;
    }
    return (await this.read()) ?? [];
  }

  /** All images, newest first; undefined if they are not stored beyond the page. */
  async read() {
    if (!this.#database || !this.#isLasting) return undefined;
    try {
      return (await this.#run("readonly", (store) => store.getAll())).sort(byAge);
    } catch {
      this.#isLasting = false;
      return undefined;
    }
  }

  /** Never throws: if the disk is full, the images last as long as the page. */
  async add(images) {
    await this.#write((store) => images.map((image) => store.put(image)).at(-1));
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
      const transaction = this.#database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }
}

function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = () => reject(request.error);
  });
}

function byAge(a, b) {
  return b.madeAt - a.madeAt || a.index - b.index;
}
