import type { Any, Bool, Int, Real } from '../../../spec/array.ts';
import * as ops from '../../../spec/ops/index.ts';
import type { Ulps } from '../../../spec/rounding/model.ts';
import * as rounding from '../../../spec/rounding.ts';
import type { CompositeAttrs, CompositeName } from '../../../src/ops/index.ts';
import type { Activation } from '../../../src/ops/linear.ts';

/**
 * How far the kernel of each composite may be from its definition, as a function of the kernel's own inputs and attributes.
 * Null: not at all.
 */
type KernelBounds = {
  readonly [K in CompositeName]: (
    inputs: readonly Any[],
    attrs: CompositeAttrs[K],
    u: number,
    ulps: Ulps,
  ) => readonly (Real | null)[];
};

const real = (x: Any): Real => x as Real;
const int = (x: Any): Int => x as Int;
const exact = () => [null];
const twice = () => [null, null];

const elementwise =
  (name: 'sigmoid' | 'silu' | 'softplus' | 'gelu' | 'geluTanh') =>
  ([x]: readonly Any[], _: object, u: number, ulps: Ulps) => [rounding.unaryBound(name, real(x), u, ulps)];

/** z off by its bound, and what the activation makes of it. */
function afterActivation(activation: Activation | 'none', z: Real, bound: Real, u: number, ulps: Ulps): Real[] {
  return activation === 'none' ? [bound] : [rounding.activatedBound(activation, z, bound, u, ulps), bound];
}

export const kernelBounds: KernelBounds = {
  relu: exact,
  sigmoid: elementwise('sigmoid'),
  silu: elementwise('silu'),
  softplus: elementwise('softplus'),
  gelu: elementwise('gelu'),
  geluTanh: elementwise('geluTanh'),
  activationGradient: ([g, z], { activation }, u, ulps) => [
    rounding.activationGradientBound(activation, real(g), real(z), u, ulps),
  ],
  mean: ([x], { axes }, u, ulps) => [rounding.meanBound(real(x), axes, u, ulps)],
  variance: ([x], { axes, correction }, u, ulps) => [rounding.varianceBound(real(x), axes, u, ulps, { correction })],
  norm: ([x], { axes }, u, ulps) => [rounding.normBound(real(x), axes, u, ulps)],
  logSumExp: ([x], { axes }, u, ulps) => [rounding.logSumExpBound(real(x), axes, u, ulps)],
  argmax: exact,
  matmul: ([a, b], _, u) => [rounding.matmulBound(real(a), real(b), u)],
  groupedMatmul: ([x, w, offsets], _, u) => [rounding.groupedMatmulBound(real(x), real(w), int(offsets), u)],
  groupedOuter: ([x, g, offsets], _, u) => [rounding.groupedOuterBound(real(x), real(g), int(offsets), u)],
  linear: ([x, w, b], { activation }, u, ulps) =>
    afterActivation(
      activation,
      ops.linear(real(x), real(w), real(b)),
      rounding.linearBound(real(x), real(w), real(b), u),
      u,
      ulps,
    ),
  groupedLinear: ([x, w, b, offsets], { activation }, u, ulps) =>
    afterActivation(
      activation,
      ops.groupedLinear(real(x), real(w), real(b), int(offsets)),
      rounding.groupedLinearBound(real(x), real(w), real(b), int(offsets), u),
      u,
      ulps,
    ),
  softmax: ([x], { axis }, u, ulps) => [rounding.softmaxBound(real(x), axis, u, ulps)],
  logSoftmax: ([x], { axis }, u, ulps) => [rounding.logSoftmaxBound(real(x), axis, u, ulps)],
  layerNorm: ([x, weight, bias], { epsilon }, u, ulps) => [
    rounding.layerNormBound(real(x), real(weight), real(bias), epsilon, u, ulps),
  ],
  crossEntropy: ([logits, labels], _, u, ulps) => [rounding.crossEntropyBound(real(logits), int(labels), u, ulps)],
  softmaxGradient: ([y, g], { axis }, u) => [rounding.softmaxGradientBound(real(y), real(g), axis, u)],
  layerNormGradient: ([x, weight, g], { epsilon }, u, ulps) =>
    rounding.layerNormGradientBound(real(x), real(weight), real(g), epsilon, u, ulps),
  crossEntropyGradient: ([logits, labels, g], _, u, ulps) => [
    rounding.crossEntropyGradientBound(real(logits), int(labels), real(g), u, ulps),
  ],
  attention: ([q, k, v, mask], _, u, ulps) => rounding.attentionBound(real(q), real(k), real(v), mask as Bool, u, ulps),
  attentionGradient: ([weights, q, k, v, gy, gweights], _, u, ulps) =>
    rounding.attentionGradientBound(
      real(weights),
      real(q),
      real(k),
      real(v),
      real(gy),
      gweights && real(gweights),
      u,
      ulps,
    ),
  topK: twice,
  sort: twice,
  cumsum: ([x], { axis }, u) => [rounding.cumsumBound(real(x), axis, u)],
  oneHot: exact,
  concat: exact,
  topKGate: ([logits], { k, renormalize }, u, ulps) => [
    rounding.slotGatesBound(real(logits), k, renormalize, u, ulps),
    null,
  ],
  topKGateGradient: ([logits, gates, chosen, g], { renormalize }, u, ulps) => [
    rounding.slotGatesGradientBound(real(logits), real(gates), int(chosen), real(g), renormalize, u, ulps),
  ],
  planDispatch: () => [],
  moeDispatch: exact,
  moeDispatchGradient: ([g, rowOfSlot], _, u) => [rounding.moeDispatchGradientBound(real(g), int(rowOfSlot), u)],
  moeCombine: ([rows, gates, rowOfSlot, , , offsets], _, u) => [
    rounding.moeCombineBound(real(rows), real(gates), int(rowOfSlot), int(offsets), u),
  ],
  moeCombineGradient: ([rows, gates, g, rowOfSlot, , , offsets], _, u) => {
    const bounds = rounding.moeCombineGradientBound(real(rows), real(gates), real(g), int(rowOfSlot), int(offsets), u);
    return [bounds.rows, bounds.gates];
  },
  gram: ([a], _, u) => [rounding.gramBound(real(a), u)],
  orthogonalProject: ([g, v], { side }, u) => [
    (side === 'left' ? rounding.orthogonalProjectBound : rounding.orthogonalProjectRightBound)(real(g), real(v), u),
  ],
  // no gradient flows through these
  orthogonalUpdate: () => [],
  adamwStep: () => [],
  sgdStep: () => [],
};
