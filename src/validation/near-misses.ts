/** The candidates most similar to a mistyped word, at most `limit`, fewest edits first. */
export function nearMisses(word: string, candidates: Iterable<string>, limit = 3): string[] {
  const asked = word.toLowerCase().slice(0, MAX_WORD_LENGTH);
  const close: { candidate: string; distance: number }[] = [];
  for (const candidate of candidates) {
    const known = candidate.toLowerCase();
    const allowed = Math.max(1, Math.floor(Math.max(asked.length, known.length) / 3));
    const contained = asked.length >= 3 && known.includes(asked);
    const distance = contained ? 1 : editDistance(asked, known, allowed);
    if (distance <= allowed) close.push({ candidate, distance });
  }
  close.sort((a, b) => a.distance - b.distance);
  return close.slice(0, limit).map(({ candidate }) => candidate);
}

/** Bounds the cost, which is the product of both lengths; no name is longer. */
const MAX_WORD_LENGTH = 64;

/** Edits (insert, delete, replace, swap of neighbours) from `a` to `b`; Infinity if there are more than `allowed`. */
export function editDistance(a: string, b: string, allowed = Number.POSITIVE_INFINITY): number {
  if (Math.abs(a.length - b.length) > allowed) return Number.POSITIVE_INFINITY;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let edits = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) edits = Math.min(edits, beforeLast[j - 2]! + 1);
      row.push(edits);
    }
    if (Math.min(...row) > allowed) return Number.POSITIVE_INFINITY;
    beforeLast = last;
    last = row;
  }
  const distance = last[b.length]!;
  return distance <= allowed ? distance : Number.POSITIVE_INFINITY;
}
