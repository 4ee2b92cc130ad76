import type { ManifestFiles } from "../model/files/model-files.js";
import type { BatchLimits, LeaveReason, Ticket } from "./batch.js";
import type { MeasuredSpans } from "./clock.js";
import type { StepWork } from "./engine.js";
import type { RuntimeSettings } from "./runtime/runtime.js";

/** What an engine's thread is started with. */
export interface ThreadData extends BatchLimits {
  /** The model's folder. */
  readonly folder: string;
  /** What the manifest says of the files is checked at every start, since files may be replaced under a running server. */
  readonly model: ManifestFiles;
  readonly runtime: RuntimeSettings;
  /** What its `RunGate` shares with the handle. */
  readonly gate: SharedArrayBuffer;
  /** What the `RunLock`s of all threads share. */
  readonly lock: SharedArrayBuffer;
}

/** From the handle to the thread. */
export type ToThread =
  | { readonly kind: "generate"; readonly ticket: Ticket }
  | { readonly kind: "cancel"; readonly id: number }
  /** Asks for a preview. */
  | { readonly kind: "preview"; readonly id: number }
  /** Ends the thread after the run under way; unfinished images are dropped. */
  | { readonly kind: "close" };

/** From the thread to the handle. */
export type FromThread =
  /** The runtime is open and warm, and memory holds so many images at once. */
  | { readonly kind: "ready"; readonly maxBatch: number }
  /** The runtime can't be opened or a warm-up run failed: a sentence. The thread ends. */
  | { readonly kind: "unusable"; readonly message: string }
  | { readonly kind: "started"; readonly ids: readonly number[] }
  | { readonly kind: "worked"; readonly work: StepWork }
  | {
      readonly kind: "stepped";
      readonly steps: readonly { readonly id: number; readonly step: number; readonly of: number }[];
    }
  | {
      readonly kind: "previewed";
      readonly id: number;
      readonly pixels: Uint8Array;
      readonly step: number;
      readonly of: number;
    }
  | { readonly kind: "finished"; readonly id: number; readonly pixels: Uint8Array; readonly spans: MeasuredSpans }
  | { readonly kind: "left"; readonly id: number; readonly reason: LeaveReason; readonly message: string };
