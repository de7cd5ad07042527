/**
 * Layer normalisation (Ba, Kiros & Hinton 2016, arXiv 1607.06450).
 */
import { at, fromFunction, indices, lane, mapLanes, precondition, type Real, sameShape, zeros } from '../array.ts';

/**
 * y = w ⊙ (x − x̄)/√(v + ε) + b over the last axis; x̄ the mean and v the biased variance of the lane.
 * x [..., width], weight [width], bias [width] -> [..., width]
 */
export function layerNorm(x: Real, weight: Real, bias: Real, epsilon: number): Real {
  const width = x.shape[x.shape.length - 1];
  precondition(x.shape.length >= 1, 'layerNorm takes at least one axis');
  for (const p of [weight, bias]) {
    precondition(
      p.shape.length === 1 && p.shape[0] === width,
      `layerNorm takes parameters [${width}], not [${p.shape}]`,
    );
  }
  precondition(epsilon >= 0, `layerNorm takes ε ≥ 0, not ${epsilon}`);
  const [w, b] = [lane(weight, 0, [0]), lane(bias, 0, [0])];
  return mapLanes(x, -1, (values) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / width;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    return values.map((value, i) => (w[i] * (value - mean)) / Math.sqrt(variance + epsilon) + b[i]);
  });
}

/** n = (x − x̄)/√(v + ε) of one lane, and s = √(v + ε). */
function normalised(values: readonly number[], epsilon: number): { readonly n: number[]; readonly s: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const s = Math.sqrt(variance + epsilon);
  return { n: values.map((value) => (value - mean) / s), s };
}

/** The mean of f(0), …, f(count − 1). */
const meanOf = (count: number, f: (i: number) => number): number => {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += f(i);
  return sum / count;
};

/**
 * What flows back through layer norm from the gradient g of y. With n = (x − x̄)/s, s = √(v + ε), and h = g ⊙ w:
 *   ∂x = (h − mean(h) − n mean(h ⊙ n))/s,   ∂w = Σ g ⊙ n,   ∂b = Σ g,
 * the means over the last axis, the sums over all others. x and g [..., width], w [width] -> [∂x, ∂w, ∂b].
 */
export function layerNormGradient(x: Real, weight: Real, g: Real, epsilon: number): Real[] {
  const width = x.shape[x.shape.length - 1];
  precondition(
    x.shape.length >= 1 && sameShape(x.shape, g.shape) && sameShape(weight.shape, [width]),
    `layerNormGradient takes x and g […, width], w [width], not [${x.shape}], [${g.shape}], [${weight.shape}]`,
  );
  precondition(epsilon >= 0, `layerNormGradient takes ε ≥ 0, not ${epsilon}`);
  const last = x.shape.length - 1;
  const n = mapLanes(x, -1, (values) => normalised(values, epsilon).n);
  const toX = fromFunction(x.shape, (index) => {
    const { n: lengths, s } = normalised(lane(x, last, index), epsilon);
    const h = lane(g, last, index).map((value, i) => value * at(weight, [i]));
    const [meanH, meanHN] = [meanOf(width, (i) => h[i]), meanOf(width, (i) => h[i] * lengths[i])];
    const i = index[last];
    return (h[i] - meanH - lengths[i] * meanHN) / s;
  });
  const [toWeight, toBias] = [zeros([width]), zeros([width])];
  for (const index of indices(x.shape)) {
    const i = index[last];
    toWeight.data[i] += at(g, index) * at(n, index);
    toBias.data[i] += at(g, index);
  }
  return [toX, toWeight, toBias];
}
