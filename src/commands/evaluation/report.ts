import type { Interval } from "../../evaluation/bootstrap.js";
import type { Measures } from "../../evaluation/measure.js";

/** Four significant digits. */
export const figure = (value: number): string => Number(value.toPrecision(4)).toString();

export function formatMeasures(measures: Measures): string {
  const { frechet_distance, frechet_interval, inception_score, precision, recall } = measures;
  const lines = [`Images              ${measures.images}`];
  const interval = frechet_interval ? ` (95 %: ${frechet_interval.map(figure).join(" to ")})` : "";
  lines.push(`Fréchet distance    ${figure(frechet_distance)}${interval}`);
  if (inception_score !== undefined)
    lines.push(`Inception Score     ${figure(inception_score)} ± ${figure(measures.inception_score_deviation!)}`);
  if (precision !== undefined) lines.push(`Precision           ${figure(precision)}`);
  if (recall !== undefined) lines.push(`Recall              ${figure(recall)}`);
  return `${lines.join("\n")}\n`;
}

export function formatComparison(
  { difference, baseline }: { readonly difference: Interval; readonly baseline: number },
  name: string,
): string {
  const signed = (value: number) => `${value > 0 ? "+" : ""}${figure(value)}`;
  const percent = (value: number) => `${signed((100 * value) / baseline)} %`;
  const { value, low, high } = difference;
  return [
    `Fréchet distance compared with ${name} (${figure(baseline)}):`,
    `  ${signed(value)} (95 %: ${signed(low)} to ${signed(high)}), ${percent(value)} (${percent(low)} to ${percent(high)})`,
    "",
  ].join("\n");
}
