import { type Chart, chartsSvg, type Series } from "./chart.js";
import { VARIED_FIELDS, type VariedField } from "./options.js";
import type { SweepOutcome } from "./outcome.js";

const NAMES: Readonly<Record<VariedField, string>> = {
  steps: "autoregressive steps",
  diffusion_steps: "diffusion steps",
  guidance_scale: "guidance scale",
  temperature: "temperature",
};
const DISTANCE = "Fréchet distance (lower is better)";
const TIME = "processor milliseconds per image, full batch (lower is better)";

/** Time against distance: the presets, and the sweeps that change the time. Undefined if fewer than two points were timed. */
export function tradeoffSvg(outcomes: readonly SweepOutcome[], title: string): string | undefined {
  const timed = outcomes.filter(({ ms }) => ms !== undefined);
  if (timed.length < 2) return undefined;
  const place = ({ measures, ms, isOnFront }: SweepOutcome, label: string) => ({
    x: ms!,
    y: measures.frechet_distance,
    label,
    isHollow: !isOnFront,
    ...interval(measures),
  });
  const sweeps = (["steps", "diffusion_steps"] as const).flatMap((field): Series[] => {
    const points = timed
      .filter(({ point }) => point.sweep?.field === field)
      .map((one) => place(one, String(one.point.sweep!.value)));
    return points.length > 0 ? [{ name: NAMES[field], points: points.sort((a, b) => a.x - b.x) }] : [];
  });
  const presets = timed.filter(({ point }) => point.preset !== undefined).map((one) => place(one, presetLabel(one)));
  const chart: Chart = {
    title,
    ...(timed.some(({ isOnFront }) => !isOnFront) && { note: "hollow: another is at least as good in all respects" }),
    x: { label: TIME, scale: "log" },
    y: { label: DISTANCE, scale: "linear" },
    series: [...sweeps, ...(presets.length > 0 ? [{ name: "presets", points: presets, isHighlighted: true }] : [])],
  };
  return chartsSvg([chart], 1, 760, 460);
}

/** Time against distance over the steps of several models, by name. Undefined if no point was timed. */
export function modelsSvg(models: ReadonlyMap<string, readonly SweepOutcome[]>): string | undefined {
  const series = [...models].map(([name, outcomes]): Series => {
    const points = outcomes.flatMap(({ point: { sweep }, measures, ms }) =>
      sweep?.field !== "steps" || ms === undefined
        ? []
        : [{ x: ms, y: measures.frechet_distance, label: String(sweep.value), ...interval(measures) }],
    );
    return { name, points: points.sort((a, b) => a.x - b.x) };
  });
  if (series.every(({ points }) => points.length === 0)) return undefined;
  const title = "Time against quality, by steps";
  const x = { label: TIME, scale: "log" } as const;
  return chartsSvg([{ title, x, y: { label: DISTANCE, scale: "log" }, series }], 1, 760, 460);
}

function presetLabel({ point, speed, measures: { recall } }: SweepOutcome): string {
  const times = speed === 1 ? "1×" : `${speed!.toPrecision(2)}×`;
  return `${point.preset} (${times}${recall === undefined ? "" : `, recall ${recall.toFixed(2)}`})`;
}

/** One chart for each varied parameter. Undefined if no parameter was varied. */
export function sweepsSvg(outcomes: readonly SweepOutcome[]): string | undefined {
  const charts = VARIED_FIELDS.flatMap((field): Chart[] => {
    const swept = outcomes.filter(({ point }) => point.sweep?.field === field);
    if (swept.length === 0) return [];
    const names = [...new Set(swept.map(({ point }) => point.sweep!.series))];
    const series = names.map((name) => ({
      name: name ?? NAMES[field],
      points: swept
        .filter(({ point }) => point.sweep!.series === name)
        .map(({ point, measures }) => ({
          x: point.sweep!.value,
          y: measures.frechet_distance,
          label: String(point.sweep!.value),
          ...interval(measures),
        }))
        .sort((a, b) => a.x - b.x),
    }));
    const scale = field === "steps" || field === "diffusion_steps" ? "log" : "linear";
    const title = `${NAMES[field][0]!.toUpperCase()}${NAMES[field].slice(1)}`;
    return [{ title, x: { label: NAMES[field], scale }, y: { label: "Fréchet distance", scale: "log" }, series }];
  });
  return charts.length === 0 ? undefined : chartsSvg(charts, 2, 480, 340);
}

function interval({ frechet_interval }: SweepOutcome["measures"]) {
  return frechet_interval === undefined ? {} : { low: frechet_interval[0], high: frechet_interval[1] };
}
