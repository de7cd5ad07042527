/**
 * How far the choice of an expert goes with a property of the token: its label, its domain, the token itself.
 */
import { precondition } from '../../array.ts';

/** The share of each distinct value, in order of first appearance. */
function shares(values: readonly (number | string)[]): Map<number | string, number> {
  const result = new Map<number | string, number>();
  for (const value of values) result.set(value, (result.get(value) ?? 0) + 1 / values.length);
  return result;
}

/** H = −Σ p ln p, in nats. */
const entropy = (p: Map<number | string, number>): number =>
  [...p.values()].reduce((sum, share) => sum - share * Math.log(share), 0);

/**
 * Normalised mutual information  NMI(A; B) = I(A; B) / ((H(A) + H(B)) / 2),  I = H(A) + H(B) − H(A, B), in [0, 1].
 *
 * 1 when each determines the other, 0 when they are independent in the sample, 0 by definition when one of them has only
 * one value. NaN without items. Small samples read too high: compare at equal n only.
 *
 * @param a, b one value an item: for instance a token's first expert, and its label
 */
export function normalizedMutualInformation(a: readonly number[], b: readonly number[]): number {
  precondition(a.length === b.length, `${a.length} and ${b.length} values: two are needed for each item`);
  if (a.length === 0) return Number.NaN;
  if (new Set(a).size === 1 || new Set(b).size === 1) return 0;
  const entropyA = entropy(shares(a));
  const entropyB = entropy(shares(b));
  const joint = entropy(shares(a.map((value, item) => `${value} ${b[item]}`)));
  return (entropyA + entropyB - joint) / ((entropyA + entropyB) / 2);
}
