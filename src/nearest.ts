/**
 * "Did you mean …?": the known name with the smallest edit distance to a mistyped one.
 *
 * @param name what was written
 * @param known the names there are
 * @returns the nearest name, or `undefined` when even the nearest differs in more than half of its letters
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let smallest = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < smallest) {
      smallest = distance;
      nearest = candidate;
    }
  }
  return nearest !== undefined && smallest <= Math.ceil(nearest.length / 2) ? nearest : undefined;
}

/** Advice for an error message: `Did you mean "omoe-hard"?`, or an empty string when nothing is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `Did you mean "${nearest}"?`;
}

/** Levenshtein distance: the least number of insertions, deletions and replacements that turn one text into the other. */
function editDistance(from: string, to: string): number {
  // row[j] is the distance between the first i letters of `from` and the first j letters of `to`.
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[to.length];
}
