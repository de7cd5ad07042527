/**
 * The linear maps of the feed-forward networks by expert, and what follows a linear map: its activation.
 */
import { at, fromFunction, type Int, precondition, type Real } from '../array.ts';
import { unary } from './elementwise.ts';
import { groupedMatmul } from './matmul.ts';

export type ActivationName = 'none' | 'relu' | 'gelu' | 'geluTanh' | 'silu';

/** What leaves a linear map with z = xW + b: [z] alone where nothing is applied, else [y, z] with y = act(z). */
export const activated = (z: Real, activation: ActivationName): Real[] =>
  activation === 'none' ? [z] : [unary(activation, z), z];

/**
 * Each row through the linear map of its own expert: z_r = x_r W_e + b_e for o_e ≤ r < o_{e+1}.
 * x [row, in], W [expert, in, out], b [expert, out], offsets [expert + 1] -> [row, out]. Rows of nobody give 0.
 */
export function groupedLinear(x: Real, weights: Real, biases: Real, offsets: Int): Real {
  const [experts, , output] = weights.shape;
  precondition(
    biases.shape.length === 2 && biases.shape[0] === experts && biases.shape[1] === output,
    `groupedLinear takes biases [${experts}, ${output}], not [${biases.shape}]`,
  );
  const products = groupedMatmul(x, weights, offsets);
  return fromFunction(products.shape, ([r, j]) => {
    for (let e = 0; e < experts; e++)
      if (at(offsets, [e]) <= r && r < at(offsets, [e + 1])) return at(products, [r, j]) + at(biases, [e, j]);
    return 0;
  });
}
