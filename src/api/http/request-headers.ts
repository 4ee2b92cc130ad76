import { Problem } from "../../errors.js";

/** What `POST /generate` can answer with. */
const OFFERED = ["application/json", "image/png"] as const;
export type Representation = (typeof OFFERED)[number];

interface MediaRange {
  readonly type: string;
  readonly weight: number;
}

/**
 * Chooses by the `Accept` header (RFC 9110, 12.5.1): the greater weight wins, each type's weight being that of the most
 * specific range that covers it. Of equal weights the more specific range wins, then the one named first, then JSON.
 * Throws `not_acceptable`.
 */
export function chooseRepresentation(accept: string | undefined): Representation {
  if (accept === undefined || accept.trim() === "") return "application/json";
  const ranges = accept.split(",").map(readRange);
  let best: { type: Representation; weight: number; specificity: number; place: number } | undefined;
  for (const type of OFFERED) {
    const place = mostSpecific(type, ranges);
    const range = ranges[place];
    if (!range || range.weight === 0) continue;
    const candidate = { type, weight: range.weight, specificity: specificity(range.type, type), place };
    if (!best || isBetter(candidate, best)) best = candidate;
  }
  if (best) return best.type;
  throw new Problem("not_acceptable", `The answer can be ${OFFERED.join(" or ")}; the Accept header allows neither.`);
}

function isBetter(
  a: { weight: number; specificity: number; place: number },
  b: { weight: number; specificity: number; place: number },
): boolean {
  return a.weight - b.weight > 0 || (a.weight === b.weight && isMoreSpecific(a, b));
}

function isMoreSpecific(a: { specificity: number; place: number }, b: { specificity: number; place: number }): boolean {
  return a.specificity > b.specificity || (a.specificity === b.specificity && a.place < b.place);
}

/** Place of the range that decides the type's weight, or -1. */
function mostSpecific(type: string, ranges: readonly MediaRange[]): number {
  let found = -1;
  let highest = 0;
  for (const [place, range] of ranges.entries()) {
    const fit = specificity(range.type, type);
    if (fit > highest) {
      found = place;
      highest = fit;
    }
  }
  return found;
}

/** 3 for the type itself, 2 for `image/*`, 1 for everything, 0 where the range doesn't cover the type. */
function specificity(range: string, type: string): number {
  if (range === type) return 3;
  if (range === `${type.slice(0, type.indexOf("/"))}/*`) return 2;
  return range === "*/*" ? 1 : 0;
}

/** A weight that is not 0 to 1 with at most three decimals makes its range count for nothing. */
function readRange(text: string): MediaRange {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const q = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  if (q === undefined) return { type, weight: 1 };
  return { type, weight: /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(q) ? Number(q) : 0 };
}
