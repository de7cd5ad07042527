import { ShapeError } from '../../errors.ts';

/**
 * Normalised mutual information of two labellings of the same items, I(A; B) / ((H(A) + H(B))/2), in [0, 1].
 *
 * 1 when each label of one determines the other, 0 when they are independent in the sample, and 0 by definition when one
 * of them has a single label (its entropy is 0). No items: NaN. Normalised by the arithmetic mean of the entropies.
 * Small samples read too high, by about (labels_A − 1)(labels_B − 1)/(2n) nats of I: compare only at equal n.
 *
 * @param a one label an item; any integers, only equality counts
 * @param b one label an item
 * @throws ShapeError if the lengths differ
 */
export function normalizedMutualInformation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) {
    throw new ShapeError({
      operation: 'normalizedMutualInformation',
      received: `${a.length} and ${b.length} labels`,
      expected: 'two labels for each item',
    });
  }
  const n = a.length;
  if (n === 0) return Number.NaN;

  const countA = new Map<number, number>();
  const countB = new Map<number, number>();
  const joint = new Map<number, Map<number, number>>();
  for (let item = 0; item < n; item++) {
    increment(countA, a[item]);
    increment(countB, b[item]);
    const row = joint.get(a[item]) ?? new Map<number, number>();
    joint.set(a[item], row);
    increment(row, b[item]);
  }

  const entropyA = entropy(countA, n);
  const entropyB = entropy(countB, n);
  if (entropyA === 0 || entropyB === 0) return 0;

  // I(A; B) = Σ p(a, b) ln(p(a, b)/(p(a) p(b))), the counts' common n cancelled inside the logarithm.
  let information = 0;
  for (const [labelA, row] of joint) {
    for (const [labelB, count] of row) {
      information += (count / n) * Math.log((count * n) / (countA.get(labelA)! * countB.get(labelB)!));
    }
  }
  return Math.max(0, Math.min(1, information / ((entropyA + entropyB) / 2)));
}

export interface ExpertAssignment {
  readonly tokens: number;
  /** k, slots a token has. */
  readonly topK: number;
  /** [token, k], the expert of each slot, best first; −1 for a slot that is padded or was dropped. */
  readonly chosen: Int32Array;
}

/**
 * How far the choice of expert goes with a property of the token: its label, its domain, its word.
 *
 * `first` looks at each token's best slot that has an expert; `every` takes each filled slot as one item. Tokens without
 * an expert, and tokens whose property is negative (unknown), are left out; if none is left the result is NaN.
 *
 * @param properties [token], for instance the domain of the sentence that the token stands in
 * @throws ShapeError if sizes and data disagree
 */
export function specialisation(
  assignment: ExpertAssignment,
  properties: ArrayLike<number>,
  slots: 'first' | 'every' = 'first',
): number {
  const { tokens, topK, chosen } = assignment;
  const counts = Number.isSafeInteger(tokens) && tokens >= 0 && Number.isSafeInteger(topK) && topK >= 1;
  if (!counts || chosen.length !== tokens * topK || properties.length !== tokens) {
    throw new ShapeError({
      operation: 'specialisation',
      received: `tokens ${tokens}, topK ${topK} with ${chosen.length} slots and ${properties.length} properties`,
      expected: '[token, topK] slots and a property for each token',
    });
  }
  const experts: number[] = [];
  const values: number[] = [];
  for (let t = 0; t < tokens; t++) {
    if (properties[t] < 0) continue;
    const filled = chosen.subarray(t * topK, (t + 1) * topK).filter((expert) => expert >= 0);
    for (const expert of slots === 'first' ? filled.subarray(0, 1) : filled) {
      experts.push(expert);
      values.push(properties[t]);
    }
  }
  return normalizedMutualInformation(experts, values);
}

function increment(counts: Map<number, number>, label: number): void {
  counts.set(label, (counts.get(label) ?? 0) + 1);
}

/** H = −Σ p ln p in nats. A single label gives exactly 0. */
function entropy(counts: ReadonlyMap<number, number>, n: number): number {
  let sum = 0;
  for (const count of counts.values()) sum += (count / n) * Math.log(n / count);
  return sum;
}
