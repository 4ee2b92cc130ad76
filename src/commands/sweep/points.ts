import { parameterNames } from "../../model/family-traits.js";
import { familyName } from "../../model/manifest.js";
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

/** The presets, then every variation of the base. Throws `Problem` if the model has no such base, or refuses a point. */
export function sweepPoints(options: SweepOptions, models: ModelRegistry): SweepPoint[] {
  const model = options.model ?? models.default;
  const resolve = (change: object, preset = options.base) => {
    const request = { model, class: null, ...(preset !== undefined && { preset }), ...change };
    const { class: _, ...parameters } = resolveRequest(request, models, 1).parameters;
    return parameters;
  };
  resolve({}); // An unknown base is refused even if nothing varies it.
  const has = parameterNames(familyName(models.get(model)!.architecture.generator));
  const names = options.presets ?? Object.keys(models.get(model)?.presets ?? {});
  const points: SweepPoint[] = names.map((preset) => ({ name: preset, preset, parameters: resolve({}, preset) }));
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
        points.push({
          name: `${field} ${value}${series === undefined ? "" : ` ${series}`}`,
          parameters: resolve(change),
          sweep: { field, value, ...(series !== undefined && { series }) },
        });
      }
    }
  return points;
}
