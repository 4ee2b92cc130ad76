const callbacks = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back when the signal aborts, until the returned function is called. However many images share a signal, it has
 * one listener: Node warns of a leak above ten.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const shared = callbacks.get(signal) ?? listen(signal);
  shared.add(callback);
  return () => shared.delete(callback);
}

function listen(signal: AbortSignal): Set<() => void> {
  const shared = new Set<() => void>();
  callbacks.set(signal, shared);
  const callAll = () => {
    for (const callback of shared) callback();
  };
  signal.addEventListener("abort", callAll, { once: true });
  return shared;
}
