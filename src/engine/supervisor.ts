import { Worker } from "node:worker_threads";
import { builtFile } from "../files/package.js";
import { EngineFailure } from "./engine.js";
import type { FromThread, ThreadData, ToThread } from "./protocol.js";
import { RunGate } from "./run-gate.js";
import { RunLock } from "./run-lock.js";

const THREAD_FILE = builtFile("thread.js", import.meta.url);

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 10_000;
/** A closing thread gets this long to end by itself. */
const CLOSE_MS = 30_000;
/** How long an exiting process waits for a run to end. */
const EXIT_MS = 10_000;

/** One for the process. */
const LOCK = new RunLock();

export interface ThreadListener {
  message(message: FromThread): void;
  /** The thread is ready again after it had died. */
  up(): void;
  /** The thread died, and another is started. The last `failedStarts` starts in a row ended before they were ready. */
  down(reason: string, failedStarts: number): void;
}

/** One engine thread that is started again when it dies, after a wait that grows with each failed start. */
export class SupervisedThread {
  #worker: Worker | undefined;
  #isReady = false;
  #isClosing = false;
  #failedStarts = 0;
  #retry: NodeJS.Timeout | undefined;
  #gate = new RunGate();
  /** Time inside ONNX Runtime of the threads before this one. */
  #earlierMs = 0;
  #heldBatch: number;

  constructor(
    private readonly data: Omit<ThreadData, "gate" | "lock">,
    private readonly listener: ThreadListener,
  ) {
    this.#heldBatch = data.maxBatch;
  }

  get ready(): boolean {
    return this.#isReady;
  }

  /** Milliseconds inside ONNX Runtime so far. */
  get runMs(): number {
    return this.#earlierMs + this.#gate.insideMs;
  }

  /** Images in flight at once: the number asked for, or less where memory holds less. */
  get maxBatch(): number {
    return this.#heldBatch;
  }

  /** Resolves once the first thread is warm; rejects with `EngineFailure` if it can't be used. */
  async open(): Promise<void> {
    const trouble = await this.#start(() => {});
    if (trouble !== undefined) {
      this.#isClosing = true;
      throw new EngineFailure(trouble);
    }
  }

  /** Ignored while no thread is ready. */
  post(message: ToThread): void {
    if (this.#isReady) this.#worker?.postMessage(message);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#retry);
    const worker = this.#worker;
    if (!worker) return;
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    worker.postMessage({ kind: "close" } satisfies ToThread);
    const timer = setTimeout(() => void worker.terminate(), CLOSE_MS);
    await ended;
    clearTimeout(timer);
  }

  /** Resolves once the thread is ready, after `onReady`; if it ends before, resolves with the reason. */
  #start(onReady: () => void): Promise<string | undefined> {
    return new Promise((resolve) => {
      const gate = new RunGate();
      this.#earlierMs += this.#gate.insideMs;
      this.#gate = gate;
      const workerData: ThreadData = { ...this.data, gate: gate.shared, lock: LOCK.shared };
      const worker = new Worker(THREAD_FILE, { workerData, name: "marimba-engine" });
      const { threadId } = worker;
      guard(gate);
      this.#worker = worker;
      let reason: string | undefined;
      worker.on("message", (message: FromThread) => {
        if (message.kind === "unusable") reason = message.message;
        else if (message.kind === "ready") {
          this.#isReady = true;
          this.#heldBatch = message.maxBatch;
          this.#failedStarts = 0;
          onReady();
          resolve(undefined);
        } else this.listener.message(message);
      });
      worker.on("error", (error) => {
        reason = `The engine's thread threw: ${error instanceof Error ? error.message : String(error)}`;
      });
      worker.on("exit", (code) => {
        unguard(gate);
        LOCK.release(threadId);
        reason ??= `The engine's thread ended with code ${code}.`;
        const wasReady = this.#isReady;
        this.#isReady = false;
        this.#worker = undefined;
        resolve(reason);
        if (wasReady) this.#died(reason);
      });
    });
  }

  #died(reason: string): void {
    if (this.#isClosing) return;
    this.listener.down(reason, this.#failedStarts);
    // The listener may have closed this.
    if (this.#isClosing) return;
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failedStarts, LAST_RETRY_MS);
    this.#retry = setTimeout(() => void this.#startAgain(), waitMs);
  }

  async #startAgain(): Promise<void> {
    const trouble = await this.#start(() => this.listener.up());
    if (this.#isClosing || trouble === undefined) return;
    this.#failedStarts++;
    this.#died(trouble);
  }
}

/** Gates of the living threads. All are shut before the process exits, for whatever reason it exits. */
const guarded = new Set<RunGate>();

function guard(gate: RunGate): void {
  if (guarded.size === 0) process.on("exit", shutAll);
  guarded.add(gate);
}

function unguard(gate: RunGate): void {
  guarded.delete(gate);
  if (guarded.size === 0) process.off("exit", shutAll);
}

function shutAll(): void {
  for (const gate of guarded) gate.shut(EXIT_MS);
}
