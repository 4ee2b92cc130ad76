import type { Manifest } from "../model/manifest.js";

/** What the presets of the models were measured at, as a Markdown table; undefined where none was. */
export function presetTable(models: readonly Manifest[]): string | undefined {
  const rows = models.flatMap(({ name, presets }) =>
    Object.entries(presets).flatMap(([preset, { quality }]) => {
      if (!quality) return [];
      const { frechet_distance, frechet_interval, inception_score, precision, recall, speed } = quality;
      const interval = frechet_interval ? ` (${frechet_interval.join(" to ")})` : "";
      return [[name, preset, `${frechet_distance}${interval}`, inception_score, precision, recall, speed]];
    }),
  );
  if (rows.length === 0) return undefined;
  const head = [
    "model",
    "preset",
    "Fréchet distance (95 %)",
    "Inception Score",
    "precision",
    "recall",
    "times as fast",
  ];
  const line = (cells: readonly (string | number | undefined)[]) =>
    `| ${cells.map((cell) => cell ?? "").join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
