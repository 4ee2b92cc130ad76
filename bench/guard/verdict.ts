import type { PartName } from "./parts/parts.js";

/** How much a ratio may exceed 1: below the 15 % that must fail, above what a busy machine changes. */
const LIMIT = 1.1;
/** So much below 1, a later slowdown would hide in the gain. */
const GAIN = 0.88;

const RECORD = "npm run guard -- --record";
const percent = (ratio: number) => `${Math.abs(100 * (ratio - 1)).toFixed(0)} %`;

/** What a ratio of a part's processor time to that of its frozen state says, and in words. */
export function judge(part: PartName, ratio: number): { change: "slower" | "faster" | "none"; sentence: string } {
  const direction = ratio < 1 ? "less" : "more";
  const measured = `${percent(ratio)} ${direction} processor time than its frozen state`;
  if (ratio > LIMIT) {
    const sentence =
      `${part} has become slower: it takes ${measured} (at most ${percent(LIMIT)} are allowed). ` +
      `If the change is meant to cost that, record it: ${RECORD}`;
    return { change: "slower", sentence };
  }
  if (ratio < GAIN) {
    const sentence = `${part} takes ${measured}. A later slowdown could hide in the gain; record it: ${RECORD}`;
    return { change: "faster", sentence };
  }
  return { change: "none", sentence: `${part} takes ${measured}.` };
}
