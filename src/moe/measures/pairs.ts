/** A measure of every pair of experts, and its mean over the E(E − 1)/2 unordered pairs. */
export interface PairMeasure {
  /** NaN where there is no pair (E = 1). */
  readonly mean: number;
  /** [expert][expert], symmetric, 1 on the diagonal by definition. */
  readonly pairs: number[][];
}

/** Fills a symmetric [expert][expert] table; `measure` is called once for each pair i < j. */
export function everyPair(experts: number, measure: (i: number, j: number) => number): PairMeasure {
  const pairs = Array.from({ length: experts }, () => new Array<number>(experts).fill(1));
  let sum = 0;
  let count = 0;
  for (let i = 0; i < experts; i++) {
    for (let j = i + 1; j < experts; j++) {
      const value = measure(i, j);
      pairs[i][j] = value;
      pairs[j][i] = value;
      sum += value;
      count++;
    }
  }
  return { mean: sum / count, pairs };
}
