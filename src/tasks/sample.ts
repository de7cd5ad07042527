import { UsageError } from '../errors.ts';
import { foldIn, key, permutation } from '../random.ts';

/**
 * At most `limit` of the rows, the same for the same seed: the first `limit` places of
 * permutation(foldIn(foldIn(key(seed), 'sample'), purpose)), put back into the rows' own order.
 * Not stratified: the shares of the classes are those of the file up to chance. A smaller limit gives a subset of what a
 * larger one gives; no limit (null), or one that the rows do not reach, gives all rows.
 *
 * @param purpose keeps samples of different files apart, e.g. `train` and `dev`.
 * @throws UsageError for a limit below 1 or not whole.
 */
export const sampleRows = <Row>(rows: readonly Row[], limit: number | null, seed: number, purpose: string): Row[] => {
  if (limit !== null && (!Number.isSafeInteger(limit) || limit < 1))
    throw new UsageError({
      operation: `limit of ${purpose} examples`,
      received: String(limit),
      expected: 'a whole number, at least 1',
    });
  if (limit === null || limit >= rows.length) return [...rows];
  const order = permutation(foldIn(foldIn(key(seed), 'sample'), purpose), rows.length);
  return [...order.subarray(0, limit).sort()].map((index) => rows[index]);
};
