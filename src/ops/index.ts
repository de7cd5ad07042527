import type { AttrsOf } from '../op.ts';
import { activationGradient, gelu, geluTanh, relu, sigmoid, silu, softplus } from './activation.ts';
import { adamwStep } from './adamw.ts';
import { attention, attentionGradient } from './attention.ts';
import { moeCombine, moeCombineGradient, moeDispatch, moeDispatchGradient } from './dispatch.ts';
import { binary, cast, select, unary } from './elementwise.ts';
import { topKGate, topKGateGradient } from './gate.ts';
import { concat } from './join.ts';
import { groupedLinear, linear } from './linear.ts';
import { groupedMatmul, groupedOuter, matmul } from './matmul.ts';
import {
  crossEntropy,
  crossEntropyGradient,
  layerNorm,
  layerNormGradient,
  logSoftmax,
  softmax,
  softmaxGradient,
} from './normalize.ts';
import { cumsum, oneHot, sort, topK } from './order.ts';
import { orthogonalUpdate } from './orthogonal-update.ts';
import { planDispatch } from './plan.ts';
import { gram, orthogonalProject } from './project.ts';
import { argmax, logSumExp, mean, norm, reduce, variance } from './reduce.ts';
import { sgdStep } from './sgd.ts';
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
  activationGradient,
  mean,
  variance,
  logSumExp,
  norm,
  argmax,
  matmul,
  groupedMatmul,
  groupedOuter,
  linear,
  groupedLinear,
  softmax,
  softmaxGradient,
  logSoftmax,
  layerNorm,
  layerNormGradient,
  crossEntropy,
  crossEntropyGradient,
  attention,
  attentionGradient,
  topK,
  sort,
  cumsum,
  oneHot,
  concat,
  topKGate,
  topKGateGradient,
  planDispatch,
  moeDispatch,
  moeDispatchGradient,
  moeCombine,
  moeCombineGradient,
  gram,
  orthogonalProject,
  orthogonalUpdate,
  adamwStep,
  sgdStep,
};

export const views = { reshape, permuteDims, broadcastTo, slice };

/** The attrs each composite kernel receives; `Backend.kernels` is typed by it. */
export type CompositeAttrs = { readonly [K in keyof typeof composites]: AttrsOf<(typeof composites)[K]> };

export type CompositeName = keyof typeof composites;
