import { PARTS, type PartName } from "./parts/parts.js";
import type { StoredRatios } from "./ratios.js";

/** How much a ratio may exceed the expected one: below the 15 % that must fail, above what a busy machine changes. */
export const LIMIT = 1.1;
/** The same where the engine's ratio is known of other kinds of machines only. */
export const FOREIGN_LIMIT = 1.5;
/** So much below the expected ratio, a later slowdown would hide in the gain. */
const GAIN = 0.88;

export interface Verdict {
  readonly isSlower: boolean;
  readonly sentence: string;
}

const record = (part: PartName) => `npm run guard -- --record ${PARTS[part].isFrozen ? "service" : "engine"}`;
const percent = (ratio: number) => `${Math.abs(100 * (ratio - 1)).toFixed(0)} %`;

/** Whether a part takes more processor time than it may. A part that is frozen is compared with itself: 1 is expected. */
export function judge(part: PartName, ratio: number, kind: string, stored: StoredRatios): Verdict {
  const own = PARTS[part].isFrozen ? 1 : stored[kind];
  const expected = own ?? Math.max(...Object.values(stored));
  const limit = own === undefined ? FOREIGN_LIMIT : LIMIT;
  const change = ratio / expected;
  const ways = own === undefined ? "the highest stored ratio of other kinds of machines" : "the stored ratio";
  const against = PARTS[part].isFrozen ? "its frozen state" : `${ways}, ${expected.toFixed(3)}`;
  const direction = change < 1 ? "less" : "more";
  const measured = `${ratio.toFixed(3)} times its yardstick's, ${percent(change)} ${direction} than ${against}`;
  if (change > limit) {
    const sentence =
      `${part} has become slower: its processor time is ${measured} (at most ${percent(limit)} are allowed). ` +
      `If the change is meant to cost that, record it: ${record(part)}`;
    return { isSlower: true, sentence };
  }
  const unknown = ` No ratio is stored for this kind of machine (${kind}), so only ${percent(limit)} more would fail; record it: ${record(part)}`;
  const gained = ` A later slowdown could hide in the gain; record it: ${record(part)}`;
  const advice = own === undefined ? unknown : change < GAIN ? gained : "";
  return { isSlower: false, sentence: `${part}: ${measured}.${advice}` };
}
