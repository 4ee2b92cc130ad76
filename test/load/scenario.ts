import type { MeasuredModel } from "../../bench/model-folder.js";

/** What every scenario is given. */
export interface Setting {
  readonly model: MeasuredModel;
  /** Short, to see that it works: the numbers mean little. */
  readonly quick: boolean;
  /** A line of the report. */
  print(...lines: string[]): void;
  /** A line for whoever waits. */
  progress(line: string): void;
}

export type Scenario = (setting: Setting) => Promise<void>;

/** `MAX_BATCH` of every measured worker and engine. */
export const MAX_BATCH = 16;

export function baseEnvironment({ model }: Setting, more: Readonly<Record<string, string>> = {}) {
  return { ...model.environment, MAX_BATCH: String(MAX_BATCH), ...more };
}
