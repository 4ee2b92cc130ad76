// Small values in the browser's storage. If storage is unavailable (private windows, settings), they last as long as the
// page.

const PREFIX = "marimba.";
const here = new Map();

export function recall(name, storage = "localStorage") {
  try {
    return window[storage].getItem(PREFIX + name) ?? here.get(name) ?? null;
  } catch {
    return here.get(name) ?? null;
  }
}

export function remember(name, text, storage = "localStorage") {
  try {
    window[storage].setItem(PREFIX + name, text);
  } catch {
    here.set(name, text);
  }
}

export function forget(name) {
  here.delete(name);
  for (const storage of ["localStorage", "sessionStorage"]) {
    try {
      window[storage].removeItem(PREFIX + name);
    } catch {
      // Storage is unavailable.
    }
  }
}
