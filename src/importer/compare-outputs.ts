import { openModel } from "../engine/open-model.js";
import { usableCores } from "../engine/runtime/allowance.js";
import type { Runtime } from "../engine/runtime/runtime.js";
import type { Architecture } from "../model/manifest.js";
import type { Deviation } from "./imported-family.js";

/** What a model makes of the check's inputs, which its family chooses. */
export interface Outputs {
  readonly network: readonly Float32Array[];
  readonly pixels: Uint8Array; // [H, W, 3]
}

/**
 * Runs a model whose network is one graph. Where there is `float32`, a folder with the same model in float32, the outputs are compared
 * with its, on the same inputs; one of them is in memory at a time. `network` names what the network makes.
 */
export async function compareOutputs(
  { folder, architecture }: { readonly folder: string; readonly architecture: Architecture },
  float32: string | undefined,
  network: string,
  outputsOf: (runtime: Runtime) => Promise<Outputs>,
): Promise<Deviation[]> {
  const run = async (from: string) => {
    const runtime = await openModel(from, architecture, { threads: usableCores() });
    return outputsOf(runtime).finally(() => runtime.close());
  };
  const expected = await run(float32 ?? folder);
  if (float32 === undefined) return [];
  const actual = await run(folder);
  return [
    { of: network, relativeRms: relativeRms(actual.network, expected.network) },
    { of: "pixels", relativeRms: relativeRms([actual.pixels], [expected.pixels]) },
  ];
}

/** Root mean square of the difference, relative to that of `expected`. */
export function relativeRms(actual: readonly ArrayLike<number>[], expected: readonly ArrayLike<number>[]): number {
  let difference = 0;
  let size = 0;
  expected.forEach((values, part) => {
    for (let i = 0; i < values.length; i++) {
      difference += (actual[part]![i]! - values[i]!) ** 2;
      size += values[i]! ** 2;
    }
  });
  return difference === 0 ? 0 : Math.sqrt(difference / size);
}
