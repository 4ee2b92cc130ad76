// A browser opens at most six HTTP/1.1 connections to a host, for all its tabs together, and an event stream occupies one. So
// only visible pages stream, and at most three of them at once; the others poll.

const PLACES = ["marimba.stream.1", "marimba.stream.2", "marimba.stream.3"];

/**
 * Resolves with the result of `stream(signal)`. Resolves with undefined if this page may not stream now, or if it is hidden
 * meanwhile.
 */
export async function whileStreaming(stream, signal) {
  const leave = document.hidden ? undefined : await takePlace();
  if (!leave) return undefined;
  const hidden = new AbortController();
  const onHidden = () => hidden.abort();
  document.addEventListener("visibilitychange", onHidden);
  try {
    return await stream(AbortSignal.any([signal, hidden.signal]));
  } catch (error) {
    signal.throwIfAborted();
    if (!hidden.signal.aborted) throw error;
    return undefined;
  } finally {
    document.removeEventListener("visibilitychange", onHidden);
    leave();
  }
}

/** Resolves with a function that gives the place back; undefined if none is free. A closed page gives back its own. */
async function takePlace() {
  // Browsers have locks only on https and localhost.
  if (!navigator.locks) return () => {};
  for (const place of PLACES) {
    const leave = await takeLock(place);
    if (leave) return leave;
  }
  return undefined;
}

function takeLock(name) {
  return new Promise((resolve) => {
    const hold = (lock) => {
      if (lock) return new Promise((leave) => resolve(leave));
      resolve(undefined);
    };
    navigator.locks.request(name, { ifAvailable: true }, hold).catch(() => resolve(undefined));
  });
}
