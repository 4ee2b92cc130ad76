import { markdownTable } from "../../markdown-table.js";
import type { Manifest } from "../../model/manifest.js";

/** What the presets of the models were measured at, as a Markdown table; undefined where none was. */
export function presetTable(models: readonly Manifest[]): string | undefined {
  const rows = models.flatMap(({ name, presets }) =>
    Object.entries(presets).flatMap(([preset, { quality }]) => {
      if (!quality) return [];
      const { frechet_distance, frechet_interval, inception_score, precision, recall, speed } = quality;
      const interval = frechet_interval ? ` (${frechet_interval.join(" to ")})` : "";
      const figures = [inception_score, precision, recall, speed].map((figure) => figure?.toString() ?? "");
      return [[name, preset, `${frechet_distance}${interval}`, ...figures]];
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
  return markdownTable(head, rows, 2);
}
