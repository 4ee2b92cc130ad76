import type { MeasuredModel } from "../../model-folder.js";

/** One part of the service at work, or what it is compared with. */
export interface Work {
  /** Does what the part has to do for image `index`. */
  image(index: number): Promise<unknown>;
  /** Processor time that a server beside this process has used so far, in milliseconds. */
  serverMs?(): Promise<number>;
}

/** What each file of this folder exports as `open`. */
export type OpenPart = (model: MeasuredModel) => Promise<Work>;
