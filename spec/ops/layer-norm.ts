/**
 * Layer normalisation (Ba, Kiros & Hinton 2016, arXiv 1607.06450).
 */
import { lane, mapLanes, precondition, type Real } from '../array.ts';

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
