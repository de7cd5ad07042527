import type { AttrsOf } from '../op.ts';
import { gelu, geluTanh, relu, sigmoid, silu, softplus } from './activation.ts';
import { adamwStep } from './adamw.ts';
import { moeCombine, moeDispatch } from './dispatch.ts';
import { binary, cast, select, unary } from './elementwise.ts';
import { topKGate } from './gate.ts';
import { concat } from './join.ts';
import { groupedLinear, linear } from './linear.ts';
import { groupedMatmul, groupedOuter, matmul } from './matmul.ts';
import { crossEntropy, layerNorm, logSoftmax, softmax } from './normalize.ts';
import { cumsum, oneHot, sort, topK } from './order.ts';
import { gram, orthogonalProject } from './project.ts';
import { argmax, logSumExp, mean, reduce, variance } from './reduce.ts';
import { copy, fill, gather, scatterAdd } from './storage.ts';
import { broadcastTo, permuteDims, reshape, slice } from './views.ts';

/** The table of all operations. An operation is its file, its line here and its definition in spec/. */

export const primitives = { unary, binary, select, reduce, copy, gather, scatterAdd, fill, cast };

export const composites = {
  relu,
  sigmoid,
  silu,
  softplus,
  gelu,
  geluTanh,
  mean,
  variance,
  logSumExp,
  argmax,
  matmul,
  groupedMatmul,
  groupedOuter,
  linear,
  groupedLinear,
  softmax,
  logSoftmax,
  layerNorm,
  crossEntropy,
  topK,
  sort,
  cumsum,
  oneHot,
  concat,
  topKGate,
  moeDispatch,
  moeCombine,
  gram,
  orthogonalProject,
  adamwStep,
};

export const views = { reshape, permuteDims, broadcastTo, slice };

/** The attrs each composite kernel receives; `Backend.kernels` is typed by it. */
export type CompositeAttrs = { readonly [K in keyof typeof composites]: AttrsOf<(typeof composites)[K]> };

export type CompositeName = keyof typeof composites;
