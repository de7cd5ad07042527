import type { Tensor } from '../tensor.ts';

/** Σ_t m_t x_t / max(1, Σ_t m_t), the mean over real tokens; 0 for a sentence of padding only. [batch, position, width] -> [batch, width] */
export function meanOfTokens(x: Tensor, mask: Tensor): Tensor {
  const real = mask.expandDims(2);
  return real
    .where(x, 0)
    .sum([1])
    .divide(real.astype(x.dtype).sum([1]).maximum(1));
}
