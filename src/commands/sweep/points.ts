import { Problem } from "../../errors.js";
import { parameterNames } from "../../model/check-parameters.js";
import type { SamplingParameters } from "../../model/parameters.js";
import type { ModelRegistry } from "../../model/registry.js";
import { resolveRequest } from "../../resolve-request.js";
import type { SweepOptions, VariedField } from "./options.js";

/** One setting to measure. */
export interface SweepPoint {
  /** Such as `balanced`, `steps 16` or `guidance_scale 2 constant`. */
  readonly name: string;
  readonly parameters: Omit<SamplingParameters, "class">;
  /** The preset, or the sweep that the point belongs to. */
  readonly preset?: string;
  readonly sweep?: { readonly field: VariedField; readonly value: number; readonly series?: string };
}

/**
 * The presets of a model, then every variation of the base. Throws `Problem` if the model has no such base, or refuses a
 * point; where there is `refused`, such points are left out, and it is called with the reason.
 */
export function sweepPoints(
  options: SweepOptions,
  models: ModelRegistry,
  model: string,
  refused?: (reason: string) => void,
): SweepPoint[] {
  const resolve = (change: object, preset = options.base) => {
    const request = { model, class: null, ...(preset !== undefined && { preset }), ...change };
    const { class: _, ...parameters } = resolveRequest(request, models, 1).parameters;
    return parameters;
  };
  const points: SweepPoint[] = [];
  const add = (point: Omit<SweepPoint, "parameters">, change: object, preset?: string) => {
    try {
      points.push({ ...point, parameters: resolve(change, preset) });
    } catch (error) {
      if (!refused || !(error instanceof Problem)) throw error;
      refused(`${point.name} is left out of ${model}: ${error.message}`);
    }
  };
  resolve({}); // An unknown base is refused even if nothing varies it.
  const has = parameterNames(models.get(model)!.architecture);
  const names = options.presets ?? Object.keys(models.get(model)?.presets ?? {});
  for (const preset of names) add({ name: preset, preset }, {}, preset);
  for (const { field, values } of options.variations)
    for (const value of values as number[]) {
      const isScheduled = field === "guidance_scale" && has.includes("guidance_schedule");
      const schedules = isScheduled ? options.guidanceSchedules : [undefined];
      for (const series of schedules) {
        const change = {
          [field]: value,
          ...(series !== undefined && { guidance_schedule: series }),
          ...(field === "diffusion_steps" && { diffusion_steps_final: value }),
        };
        const name = `${field} ${value}${series === undefined ? "" : ` ${series}`}`;
        add({ name, sweep: { field, value, ...(series !== undefined && { series }) } }, change);
      }
    }
  return points;
}
