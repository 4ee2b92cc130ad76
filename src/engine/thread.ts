import { setImmediate as nextTurn } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { checkModelFiles } from "../model/files/model-files.js";
import { type BatchEvents, ContinuousBatch } from "./batch.js";
import { openModel } from "./open-model.js";
import type { FromThread, ThreadData, ToThread } from "./protocol.js";
import { gated, RunGate } from "./run-gate.js";
import { RunLock } from "./run-lock.js";
import type { Runtime } from "./runtime/runtime.js";
import { warmUp } from "./warm-up.js";

/** Entry of an engine's thread: opens one model, then steps its batch for as long as there are images. */

const port = parentPort!;
const post = (message: FromThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

async function main(data: ThreadData): Promise<void> {
  let opened: Opened;
  try {
    opened = await openChecked(data);
  } catch (error) {
    post({ kind: "unusable", message: error instanceof Error ? error.message : String(error) });
    port.close();
    return;
  }
  const { runtime, maxBatch } = opened;
  const limits = { ...data, maxBatch };
  const batch = new ContinuousBatch(runtime, data.model.architecture, limits, events, () => nextTurn(undefined));
  const inbox = listen(batch);
  post({ kind: "ready", maxBatch });
  while (!inbox.closed) {
    const idleMs = batch.idleMs();
    if (idleMs > 0) await inbox.message(idleMs);
    else {
      await batch.step();
      await nextTurn();
    }
  }
  port.close();
  await runtime.close();
}

interface Opened {
  readonly runtime: Runtime;
  readonly maxBatch: number;
}

/** Opens and warms the model while another thread hashes its files. No image is made before the hash is checked. */
async function openChecked(data: ThreadData): Promise<Opened> {
  const isExclusive = data.runtime.provider === "webgpu";
  const gate = new RunGate(data.gate, isExclusive ? new RunLock(data.lock) : undefined);
  const { architecture } = data.model;
  const open = async () => {
    const runtime = gated(await gate.pass(() => openModel(data.folder, architecture, data.runtime)), gate);
    return { runtime, maxBatch: await warmUp(runtime, architecture, data.maxBatch) };
  };
  const [checked, opened] = await Promise.allSettled([checkModelFiles(data.folder, data.model), open()]);
  // Wrong files explain any other failure.
  if (checked.status === "rejected") throw checked.reason;
  if (opened.status === "rejected") throw opened.reason;
  return opened.value;
}

const events: BatchEvents = {
  started: (ids) => post({ kind: "started", ids }),
  worked: (work) => post({ kind: "worked", work }),
  stepped: (steps) => post({ kind: "stepped", steps }),
  previewed: (id, pixels, step, of) =>
    post({ kind: "previewed", id, pixels, step, of }, [pixels.buffer as ArrayBuffer]),
  finished: (id, pixels, spans) => post({ kind: "finished", id, pixels, spans }, [pixels.buffer as ArrayBuffer]),
  left: (id, reason, message) => post({ kind: "left", id, reason, message }),
};

/** Applies messages as they arrive, which is only between runs. While idle, `message` waits for the next. */
function listen(batch: ContinuousBatch) {
  let wake = () => {};
  const inbox = {
    closed: false,
    message: (atMostMs: number): Promise<void> =>
      new Promise((resolve) => {
        const timer = Number.isFinite(atMostMs) ? setTimeout(resolve, atMostMs) : undefined;
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
  };
  port.on("message", (message: ToThread) => {
    if (message.kind === "generate") batch.submit(message.ticket);
    else if (message.kind === "cancel") batch.cancel(message.id);
    else if (message.kind === "preview") batch.preview(message.id);
    else inbox.closed = true;
    wake();
  });
  return inbox;
}

await main(workerData as ThreadData);
