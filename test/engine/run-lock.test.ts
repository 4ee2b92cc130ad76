import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { RunLock } from "../../src/engine/run-lock.js";

const MODULE = new URL("../../dist/engine/run-lock.js", import.meta.url).href;

/** A thread that takes the lock many times, and counts how often it was not alone; `dies` while it holds the lock. */
function thread(lock: RunLock, counts: Int32Array, dies = false): Worker {
  const code = `
    const { threadId, workerData } = require("node:worker_threads");
    import(${JSON.stringify(MODULE)}).then(({ RunLock }) => {
      const lock = new RunLock(workerData.lock);
      for (let i = 0; i < 2000; i++) {
        lock.acquire(threadId);
        if (workerData.dies) process.exit(1);
        if (Atomics.add(workerData.counts, 0, 1) !== 0) Atomics.add(workerData.counts, 1, 1);
        Atomics.sub(workerData.counts, 0, 1);
        lock.release(threadId);
      }
    });`;
  return new Worker(code, { eval: true, workerData: { lock: lock.shared, counts, dies } });
}

test("one thread at a time holds the lock, and a thread that died gives it back", async () => {
  const lock = new RunLock();
  const counts = new Int32Array(new SharedArrayBuffer(8));
  const dying = thread(lock, counts, true);
  const { threadId } = dying;
  await once(dying, "exit");
  const threads = [thread(lock, counts), thread(lock, counts), thread(lock, counts)];
  lock.release(threadId + 100); // which does not hold it
  lock.release(threadId);
  for (const [code] of await Promise.all(threads.map((worker) => once(worker, "exit")))) expect(code).toBe(0);
  expect([...counts]).toEqual([0, 0]);
});
