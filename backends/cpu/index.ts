import type { Backend, HostArray, Kernels, Spec, View } from '../../src/backend.ts';
import { activationGradient } from './activation-gradient.ts';
import { adamwStep } from './adamw.ts';
import { attention, attentionGradient } from './attention.ts';
import { activation, binary, select, unary } from './elementwise.ts';
import { groupedMatmul, groupedOuter } from './grouped.ts';
import type { HostKernel } from './kernel.ts';
import { groupedLinear, linear } from './linear.ts';
import { gram, matmul, orthogonalProject } from './matmul.ts';
import { cast, concat, copy, fill, gather, scatterAdd } from './move.ts';
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
import { argmax, logSumExp, mean, norm, reduce, variance } from './reduce.ts';
import {
  moeCombine,
  moeCombineGradient,
  moeDispatch,
  moeDispatchGradient,
  planDispatch,
  topKGate,
  topKGateGradient,
} from './routing.ts';
import { sgdStep } from './sgd.ts';
import { type CpuBuffer, createStorage, type Storage } from './storage.ts';

/**
 * The readable CPU backend: plain loops over strided views, to be checked against spec/ by eye. Sums are accumulated in
 * Float64 whatever the dtype, and every result is rounded once, when it is stored.
 */
export interface CpuBackend extends Backend<CpuBuffer> {
  readSync(buffer: CpuBuffer, offset: number, length: number): HostArray;
}

export type { CpuBuffer } from './storage.ts';

/** Around a kernel on host arrays: buffers in, live ones only, and buffers out. */
const onBuffers =
  <Attrs extends object>(name: string, kernel: HostKernel<Attrs>, storage: Storage) =>
  (inputs: readonly View<CpuBuffer>[], attrs: Attrs, outputs: readonly Spec[]): readonly CpuBuffer[] => {
    // `unary`, `binary` and `reduce` are better known by their kind: exp, add, sum.
    const operation = 'kind' in attrs ? String(attrs.kind) : name;
    const views = inputs.map((view) => ({ ...view, buffer: storage.dataOf(view.buffer, operation) }));
    return kernel(views, attrs, outputs).map((data, i) => storage.keep(data, outputs[i].dtype));
  };

export function cpu(): CpuBackend {
  const storage = createStorage();
  const on = <Attrs extends object>(name: string, kernel: HostKernel<Attrs>) => onBuffers(name, kernel, storage);
  const kernels: Kernels<CpuBuffer> = {
    unary: on('unary', unary),
    binary: on('binary', binary),
    select: on('select', select),
    reduce: on('reduce', reduce),
    copy: on('copy', copy),
    gather: on('gather', gather),
    scatterAdd: on('scatterAdd', scatterAdd),
    fill: on('fill', fill),
    cast: on('cast', cast),
    relu: on('relu', activation('relu')),
    sigmoid: on('sigmoid', activation('sigmoid')),
    silu: on('silu', activation('silu')),
    softplus: on('softplus', activation('softplus')),
    gelu: on('gelu', activation('gelu')),
    geluTanh: on('geluTanh', activation('geluTanh')),
    activationGradient: on('activationGradient', activationGradient),
    mean: on('mean', mean),
    variance: on('variance', variance),
    logSumExp: on('logSumExp', logSumExp),
    norm: on('norm', norm),
    argmax: on('argmax', argmax),
    matmul: on('matmul', matmul),
    groupedMatmul: on('groupedMatmul', groupedMatmul),
    groupedOuter: on('groupedOuter', groupedOuter),
    linear: on('linear', linear),
    groupedLinear: on('groupedLinear', groupedLinear),
    softmax: on('softmax', softmax),
    softmaxGradient: on('softmaxGradient', softmaxGradient),
    logSoftmax: on('logSoftmax', logSoftmax),
    layerNorm: on('layerNorm', layerNorm),
    layerNormGradient: on('layerNormGradient', layerNormGradient),
    crossEntropy: on('crossEntropy', crossEntropy),
    crossEntropyGradient: on('crossEntropyGradient', crossEntropyGradient),
    attention: on('attention', attention),
    attentionGradient: on('attentionGradient', attentionGradient),
    topK: on('topK', topK),
    sort: on('sort', sort),
    cumsum: on('cumsum', cumsum),
    oneHot: on('oneHot', oneHot),
    concat: on('concat', concat),
    topKGate: on('topKGate', topKGate),
    topKGateGradient: on('topKGateGradient', topKGateGradient),
    planDispatch: on('planDispatch', planDispatch),
    moeDispatch: on('moeDispatch', moeDispatch),
    moeDispatchGradient: on('moeDispatchGradient', moeDispatchGradient),
    moeCombine: on('moeCombine', moeCombine),
    moeCombineGradient: on('moeCombineGradient', moeCombineGradient),
    gram: on('gram', gram),
    orthogonalProject: on('orthogonalProject', orthogonalProject),
    orthogonalUpdate: on('orthogonalUpdate', orthogonalUpdate),
    adamwStep: on('adamwStep', adamwStep),
    sgdStep: on('sgdStep', sgdStep),
  };
  // A whole buffer is given away as it is, frozen by convention: no kernel ever writes to a buffer that it has returned.
  const readSync = (buffer: CpuBuffer, offset: number, length: number): HostArray => {
    const data = storage.dataOf(buffer, 'read');
    return offset === 0 && length === data.length ? data : data.slice(offset, offset + length);
  };
  return {
    name: 'cpu',
    device: { mode: 'javascript', name: 'plain loops', threads: 1, notes: [] },
    dtypes: ['float32', 'float64', 'int32', 'bool'],
    limits: { elements: 2 ** 32 - 1, integer: 2 ** 31 - 1 },
    promises: { repeatable: true, specialValues: true },
    // Units in the last place of Float64, above the worst of 60,000 arguments each against 140-bit arithmetic
    // (exp 0.81, log 0.87, tanh 2.0002, erf 2.7, power 0.91). Float32 results are these, rounded once.
    ulps: { exp: 1, log: 1, tanh: 3, erf: 4, power: 2, divide: 0.5, sqrt: 0.5 },
    upload: storage.keep,
    read: async (buffer, offset, length) => readSync(buffer, offset, length),
    readSync,
    free: storage.free,
    stats: storage.stats,
    flush: async () => {},
    dispose: storage.dispose,
    kernels,
  };
}
