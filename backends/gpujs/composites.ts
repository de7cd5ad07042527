import type { Kernels, PrimitiveAttrs } from '../../src/backend.ts';
import { activationGradient, gelu, geluTanh, relu, sigmoid, silu, softplus } from './activation.ts';
import { adamwStep } from './adamw.ts';
import type { GpuBuffer } from './buffer.ts';
import { moeCombine, moeDispatch } from './dispatch.ts';
import { topKGate } from './gate.ts';
import { groupedLinear, groupedMatmul, groupedOuter } from './grouped.ts';
import { concat, cumsum, oneHot } from './join.ts';
import { gram, linear, matmul, orthogonalProject } from './matmul.ts';
import { crossEntropy, layerNorm, logSoftmax, logSumExp, mean, softmax, variance } from './normalize.ts';
import { argmax, sort, topK } from './order.ts';
import type { Runtime } from './runtime.ts';

/** These run as their compositions, which are a few kernels that are there anyway: mostly what flows back through others. */
type Composed =
  | 'softmaxGradient'
  | 'layerNormGradient'
  | 'crossEntropyGradient'
  | 'attention'
  | 'attentionGradient'
  | 'topKGateGradient'
  | 'planDispatch'
  | 'moeDispatchGradient'
  | 'moeCombineGradient'
  | 'norm'
  | 'orthogonalUpdate'
  | 'sgdStep';

/**
 * The composites that have kernels of their own: all others. A reduction of few and long lanes (mean, variance, logSumExp)
 * declines, since its composition sums in stretches, on many threads.
 */
export const composites = (runtime: Runtime): Omit<Required<Kernels<GpuBuffer>>, keyof PrimitiveAttrs | Composed> => ({
  relu: relu(runtime),
  sigmoid: sigmoid(runtime),
  silu: silu(runtime),
  softplus: softplus(runtime),
  gelu: gelu(runtime),
  geluTanh: geluTanh(runtime),
  activationGradient: activationGradient(runtime),
  mean: mean(runtime),
  variance: variance(runtime),
  logSumExp: logSumExp(runtime),
  argmax: argmax(runtime),
  matmul: matmul(runtime),
  groupedMatmul: groupedMatmul(runtime),
  groupedOuter: groupedOuter(runtime),
  linear: linear(runtime),
  groupedLinear: groupedLinear(runtime),
  softmax: softmax(runtime),
  logSoftmax: logSoftmax(runtime),
  layerNorm: layerNorm(runtime),
  crossEntropy: crossEntropy(runtime),
  topK: topK(runtime),
  sort: sort(runtime),
  cumsum: cumsum(runtime),
  oneHot: oneHot(runtime),
  concat: concat(runtime),
  topKGate: topKGate(runtime),
  moeDispatch: moeDispatch(runtime),
  moeCombine: moeCombine(runtime),
  gram: gram(runtime),
  orthogonalProject: orthogonalProject(runtime),
  adamwStep: adamwStep(runtime),
});
