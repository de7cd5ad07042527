import type { Kernels } from '../../src/backend.ts';
import { activation, activationGradient } from './activation.ts';
import { attention, attentionGradient } from './attention.ts';
import { copy, fill } from './copy.ts';
import { binary, cast, select, unary } from './elementwise.ts';
import { gather, scatterAdd } from './gather.ts';
import { groupedMatmul, groupedOuter } from './grouped.ts';
import { concat, oneHot } from './join.ts';
import { groupedLinear, linear } from './linear.ts';
import { matmul } from './matmul.ts';
import { norm } from './norm.ts';
import {
  crossEntropy,
  crossEntropyGradient,
  layerNorm,
  layerNormGradient,
  logSoftmax,
  softmax,
  softmaxGradient,
} from './normalize.ts';
import { adamwStep, sgdStep } from './optimizers.ts';
import { argmax, cumsum, sort, topK } from './order.ts';
import { orthogonalUpdate } from './orthogonal-update.ts';
import { planDispatch } from './plan.ts';
import { gram, orthogonalProject } from './project.ts';
import { logSumExp, mean, reduce, variance } from './reduce.ts';
import {
  moeCombine,
  moeCombineGradient,
  moeDispatch,
  moeDispatchGradient,
  topKGate,
  topKGateGradient,
} from './routing.ts';
import type { Bind } from './runtime.ts';
import type { WasmBuffer } from './storage.ts';

/** The operations that have kernels here. */
export const table = (bind: Bind): Kernels<WasmBuffer> => ({
  unary: bind('unary', unary),
  binary: bind('binary', binary),
  select: bind('select', select),
  reduce: bind('reduce', reduce),
  copy: bind('copy', copy),
  gather: bind('gather', gather),
  scatterAdd: bind('scatterAdd', scatterAdd),
  fill: bind('fill', fill),
  mean: bind('mean', mean),
  variance: bind('variance', variance),
  logSumExp: bind('logSumExp', logSumExp),
  norm: bind('norm', norm),
  argmax: bind('argmax', argmax),
  concat: bind('concat', concat),
  oneHot: bind('oneHot', oneHot),
  topK: bind('topK', topK),
  sort: bind('sort', sort),
  cumsum: bind('cumsum', cumsum),
  cast: bind('cast', cast),
  matmul: bind('matmul', matmul),
  groupedMatmul: bind('groupedMatmul', groupedMatmul),
  groupedOuter: bind('groupedOuter', groupedOuter),
  linear: bind('linear', linear),
  groupedLinear: bind('groupedLinear', groupedLinear),
  gram: bind('gram', gram),
  orthogonalProject: bind('orthogonalProject', orthogonalProject),
  orthogonalUpdate: bind('orthogonalUpdate', orthogonalUpdate),
  relu: bind('relu', activation('relu')),
  sigmoid: bind('sigmoid', activation('sigmoid')),
  silu: bind('silu', activation('silu')),
  softplus: bind('softplus', activation('softplus')),
  gelu: bind('gelu', activation('gelu')),
  geluTanh: bind('geluTanh', activation('geluTanh')),
  activationGradient: bind('activationGradient', activationGradient),
  adamwStep: bind('adamwStep', adamwStep),
  sgdStep: bind('sgdStep', sgdStep),
  softmax: bind('softmax', softmax),
  softmaxGradient: bind('softmaxGradient', softmaxGradient),
  logSoftmax: bind('logSoftmax', logSoftmax),
  layerNorm: bind('layerNorm', layerNorm),
  layerNormGradient: bind('layerNormGradient', layerNormGradient),
  crossEntropy: bind('crossEntropy', crossEntropy),
  crossEntropyGradient: bind('crossEntropyGradient', crossEntropyGradient),
  topKGate: bind('topKGate', topKGate),
  topKGateGradient: bind('topKGateGradient', topKGateGradient),
  planDispatch: bind('planDispatch', planDispatch),
  moeDispatch: bind('moeDispatch', moeDispatch),
  moeDispatchGradient: bind('moeDispatchGradient', moeDispatchGradient),
  moeCombine: bind('moeCombine', moeCombine),
  moeCombineGradient: bind('moeCombineGradient', moeCombineGradient),
  attention: bind('attention', attention),
  attentionGradient: bind('attentionGradient', attentionGradient),
});
