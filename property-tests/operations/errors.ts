import type { DType } from '../../src/backend.ts';
import { Engine } from '../../src/engine.ts';
import { DTypeError, OmoeError, ShapeError, UsageError } from '../../src/errors.ts';
import { activationGradient } from '../../src/ops/activation.ts';
import { adamwStep } from '../../src/ops/adamw.ts';
import { attention, attentionGradient } from '../../src/ops/attention.ts';
import { moeCombine, moeCombineGradient, moeDispatch, moeDispatchGradient } from '../../src/ops/dispatch.ts';
import { topKGate, topKGateGradient } from '../../src/ops/gate.ts';
import { groupedLinear, linear } from '../../src/ops/linear.ts';
import { crossEntropyGradient, layerNormGradient, softmaxGradient } from '../../src/ops/normalize.ts';
import { orthogonalUpdate } from '../../src/ops/orthogonal-update.ts';
import { planDispatch } from '../../src/ops/plan.ts';
import { sgdStep } from '../../src/ops/sgd.ts';
import { key } from '../../src/random.ts';
import type { Tensor } from '../../src/tensor.ts';
import type { OperationName } from './index.ts';

/** Calls that must be refused: which error, and what its message has to mention besides the operation. */

type ErrorClass = new (...parameters: never[]) => OmoeError;
export interface Refusal {
  readonly call: (make: Make) => unknown;
  readonly error: ErrorClass;
  readonly mentions: readonly string[];
  /** The operation as the message names it, where that is not the case's name. */
  readonly named?: string;
}

export interface Make {
  readonly t: Engine;
  /** Zeros of the working precision. */
  f(...shape: number[]): Tensor;
  /** Zeros of int32 and bool. */
  i(...shape: number[]): Tensor;
  b(...shape: number[]): Tensor;
  /** An int32 vector. */
  ints(...values: number[]): Tensor;
}

/** What a JavaScript caller may hand over, whatever the type says. */
const given = (value: unknown): never => value as never;

type CallOf = Refusal['call'];
const shape = (call: CallOf, ...mentions: string[]): Refusal => ({ call, error: ShapeError, mentions });
const dtype = (call: CallOf, ...mentions: string[]): Refusal => ({ call, error: DTypeError, mentions });
const usage = (call: CallOf, ...mentions: string[]): Refusal => ({ call, error: UsageError, mentions });
const data = (call: CallOf, ...mentions: string[]): Refusal => ({ call, error: OmoeError, mentions });
const named = (operation: string, ...cases: Refusal[]): Refusal[] => cases.map((c) => ({ ...c, named: operation }));

type FloatFunction =
  | 'reciprocal'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'tanh'
  | 'erf'
  | 'relu'
  | 'sigmoid'
  | 'silu'
  | 'softplus'
  | 'gelu'
  | 'geluTanh';
const floatsOnly = (name: FloatFunction): Refusal[] => [
  dtype(({ i }) => i(2, 3)[name](), 'int32[2, 3]', 'float'),
  dtype(({ b }) => b(4)[name](), 'bool[4]'),
];
const numbersOnly = (name: 'negative' | 'abs' | 'sign' | 'square'): Refusal[] => [
  dtype(({ b }) => b(4)[name](), 'bool[4]'),
];

type Binary = 'add' | 'subtract' | 'multiply' | 'divide' | 'power' | 'maximum' | 'minimum';
type Comparison = 'equal' | 'notEqual' | 'less' | 'lessEqual' | 'greater' | 'greaterEqual';
const sameKind = (name: Binary | Comparison): Refusal[] => [
  shape(({ f }) => f(2, 3)[name](f(4, 3)), '[2, 3]', '[4, 3]'),
  shape(({ f }) => f(2)[name](f(3)), '[2]', '[3]'),
  dtype(({ f, i }) => f(2, 3)[name](i(3)), 'int32[2, 3]'),
  usage(({ i }) => i(2)[name](0.5), '0.5', 'int32'),
];
const arithmetic = (name: Binary): Refusal[] => [...sameKind(name), dtype(({ b }) => b(2)[name](b(2)), 'bool[2]')];
const fractions = (name: 'divide' | 'power'): Refusal[] => [
  ...arithmetic(name),
  dtype(({ i }) => i(2)[name](i(2)), 'int32[2]'),
];
const logical = (name: 'logicalAnd' | 'logicalOr'): Refusal[] => [
  dtype(({ f }) => f(2)[name](f(2)), '[2]', 'bool'),
  shape(({ b }) => b(2)[name](b(3)), '[2]', '[3]'),
];

type Reduction = 'sum' | 'max' | 'min' | 'mean' | 'variance' | 'logSumExp' | 'norm';
const reduction = (name: Reduction): Refusal[] => [
  shape(({ f }) => f(2, 3)[name](2), 'axis 2', 'rank 2'),
  shape(({ f }) => f(2, 3)[name]([-3]), 'axis -3', 'rank 2'),
  shape(({ f }) => f(2, 3)[name]([0, -2]), '[0, -2]'),
  shape(({ f }) => f()[name](0), 'axis 0', 'rank 0'),
  shape(({ f }) => f(2)[name](0.5), 'axis 0.5'),
  shape(({ f }) => f(2)[name](given('x')), 'axes x'),
  dtype(({ b }) => b(2)[name](), 'bool[2]'),
];
const floatReduction = (name: 'mean' | 'variance' | 'logSumExp' | 'norm'): Refusal[] => [
  ...reduction(name),
  dtype(({ i }) => i(2)[name](), 'int32[2]'),
];
const alongAxis = (name: 'softmax' | 'logSoftmax' | 'cumsum' | 'argmax'): Refusal[] => [
  shape(({ f }) => f(2, 3)[name](2), 'axis 2', 'rank 2'),
  shape(({ f }) => f()[name](0), 'axis 0', 'rank 0'),
];

export const refusals: { readonly [K in OperationName]: readonly Refusal[] } = {
  negative: numbersOnly('negative'),
  abs: numbersOnly('abs'),
  sign: numbersOnly('sign'),
  square: numbersOnly('square'),
  reciprocal: floatsOnly('reciprocal'),
  exp: floatsOnly('exp'),
  log: floatsOnly('log'),
  sqrt: floatsOnly('sqrt'),
  tanh: floatsOnly('tanh'),
  erf: floatsOnly('erf'),
  relu: floatsOnly('relu'),
  sigmoid: floatsOnly('sigmoid'),
  silu: floatsOnly('silu'),
  softplus: floatsOnly('softplus'),
  gelu: floatsOnly('gelu'),
  geluTanh: floatsOnly('geluTanh'),
  logicalNot: [dtype(({ f }) => f(2).logicalNot(), '[2]', 'bool')],
  add: arithmetic('add'),
  subtract: arithmetic('subtract'),
  multiply: arithmetic('multiply'),
  divide: fractions('divide'),
  power: fractions('power'),
  maximum: arithmetic('maximum'),
  minimum: arithmetic('minimum'),
  equal: sameKind('equal'),
  notEqual: sameKind('notEqual'),
  less: sameKind('less'),
  lessEqual: sameKind('lessEqual'),
  greater: sameKind('greater'),
  greaterEqual: sameKind('greaterEqual'),
  logicalAnd: logical('logicalAnd'),
  logicalOr: logical('logicalOr'),
  select: [
    ...named(
      'where',
      dtype(({ f }) => f(2).where(f(2), f(2)), 'condition', '[2]', 'bool'),
      shape(({ b, f }) => b(2).where(f(3), 0), '[2]', '[3]'),
      shape(({ b, f }) => b(3).where(f(2, 3), f(3, 2)), '[2, 3]', '[3, 2]'),
      dtype(({ b, f, i }) => b(2).where(f(2), i(2)), 'int32[2]', '.astype'),
      usage(({ b }) => b(2).where(1, 0), 'two numbers'),
    ),
  ],
  // every dtype converts to every other
  cast: named(
    'astype',
    dtype(({ f }) => f(2).astype('int8' as DType), 'int8', 'float32'),
  ),
  copy: [],
  sum: reduction('sum'),
  max: reduction('max'),
  min: reduction('min'),
  mean: floatReduction('mean'),
  variance: [
    ...floatReduction('variance'),
    ...[-1, 4, Number.NaN, Infinity].map((correction) =>
      usage(({ f }) => f(3).variance([0], { correction }), `correction ${correction}`, '3 elements'),
    ),
  ],
  logSumExp: floatReduction('logSumExp'),
  norm: floatReduction('norm'),
  argmax: [
    ...alongAxis('argmax'),
    dtype(({ b }) => b(2).argmax(), 'bool[2]'),
    shape(({ f }) => f(2, 0).argmax(1), 'axis 1', '[2, 0]'),
  ],
  cumsum: [...alongAxis('cumsum'), dtype(({ b }) => b(2).cumsum(), 'bool[2]')],
  softmax: [...alongAxis('softmax'), dtype(({ i }) => i(2).softmax(), 'int32[2]')],
  logSoftmax: [...alongAxis('logSoftmax'), dtype(({ i }) => i(2).logSoftmax(), 'int32[2]')],
  layerNorm: [
    shape(({ f }) => f(2, 3).layerNorm(f(2), f(3)), '[2, 3]', '[2]', '[3]'),
    shape(({ f }) => f(2, 3).layerNorm(f(3), f(1, 3)), '[2, 3]', '[1, 3]'),
    shape(({ f }) => f().layerNorm(f(1), f(1)), '[]', '[1]'),
    dtype(({ i }) => i(2).layerNorm(i(2), i(2)), 'int32[2]'),
    usage(({ f }) => f(2).layerNorm(f(2), f(2), -1), 'epsilon -1'),
    usage(({ f }) => f(2).layerNorm(f(2), f(2), Number.NaN), 'epsilon NaN'),
  ],
  crossEntropy: [
    shape(({ f, i }) => f(2, 3).crossEntropy(i(3)), '[2, 3]', 'int32[3]'),
    shape(({ f, i }) => f(2).crossEntropy(i(2)), '[2]', 'int32[2]'),
    dtype(({ f }) => f(2, 3).crossEntropy(f(2)), 'labels', '[2]', 'int32'),
    dtype(({ i }) => i(2, 3).crossEntropy(i(2)), 'int32[2, 3]'),
    data(({ f, ints }) => f(2, 3).crossEntropy(ints(0, 3)), '3', 'position 1'),
    data(({ f, ints }) => f(2, 3).crossEntropy(ints(-1, 0)), '-1', 'position 0'),
  ],
  activationGradient: [
    shape(({ t, f }) => t.run(activationGradient, [f(3), f(2), f(2)], gelu), '[3]', '[2]', 'one shape'),
    shape(({ t, f }) => t.run(activationGradient, [f(2), f(2), f(2, 1)], gelu), '[2, 1]'),
    dtype(({ t, i }) => t.run(activationGradient, [i(2), i(2), i(2)], gelu), 'int32[2]'),
    dtype(({ t, f, i }) => t.run(activationGradient, [f(2), f(2), i(2)], gelu), 'int32[2]', '.astype'),
    usage(({ t, f }) => t.run(activationGradient, [f(2), f(2), f(2)], given({ activation: 'none' })), 'none', 'silu'),
  ],
  softmaxGradient: [
    shape(({ t, f }) => t.run(softmaxGradient, [f(2, 3), f(3, 2)], { axis: 0 }), '[2, 3]', '[3, 2]'),
    shape(({ t, f }) => t.run(softmaxGradient, [f(2, 3), f(2, 3)], { axis: 2 }), 'axis 2', 'rank 2'),
    dtype(({ t, i }) => t.run(softmaxGradient, [i(2), i(2)], { axis: 0 }), 'int32[2]'),
    dtype(({ t, f, i }) => t.run(softmaxGradient, [f(2), i(2)], { axis: 0 }), 'int32[2]', '.astype'),
  ],
  layerNormGradient: [
    shape(({ t, f }) => t.run(layerNormGradient, [f(2, 3), f(2), f(2, 3)], { epsilon: 1 }), '[2, 3]', '[2]'),
    shape(({ t, f }) => t.run(layerNormGradient, [f(2, 3), f(3), f(3)], { epsilon: 1 }), '[2, 3]', 'shape of x'),
    shape(({ t, f }) => t.run(layerNormGradient, [f(), f(1), f()], { epsilon: 1 }), '[]', '[1]'),
    dtype(({ t, i }) => t.run(layerNormGradient, [i(2), i(2), i(2)], { epsilon: 1 }), 'int32[2]'),
    usage(({ t, f }) => t.run(layerNormGradient, [f(2), f(2), f(2)], { epsilon: -1 }), 'epsilon -1'),
  ],
  crossEntropyGradient: [
    shape(({ t, f, i }) => t.run(crossEntropyGradient, [f(2, 3), i(3), f(2)], {}), '[2, 3]', 'int32[3]'),
    shape(({ t, f, i }) => t.run(crossEntropyGradient, [f(2, 3), i(2), f(2, 3)], {}), 'gradient [row]'),
    dtype(({ t, f }) => t.run(crossEntropyGradient, [f(2, 3), f(2), f(2)], {}), 'labels', 'int32'),
    dtype(({ t, f, i }) => t.run(crossEntropyGradient, [f(2, 3), i(2), i(2)], {}), 'int32[2]', '.astype'),
  ],
  attention: [
    shape(
      ({ t, f, b }) => t.run(attention, [f(2, 1, 3, 4), f(2, 1, 3, 4), f(2, 1, 3, 5), b(2, 3)], {}),
      '[2, 1, 3, 5]',
      '[batch, head, position, dim]',
    ),
    shape(({ t, f, b }) => t.run(attention, [f(3, 4), f(3, 4), f(3, 4), b(3)], {}), '[3, 4]', 'dim]'),
    shape(
      ({ t, f, b }) => t.run(attention, [f(2, 1, 3, 4), f(2, 1, 3, 4), f(2, 1, 3, 4), b(3, 2)], {}),
      'bool[3, 2]',
      'bool[2, 3]',
    ),
    dtype(
      ({ t, f }) => t.run(attention, [f(2, 1, 3, 4), f(2, 1, 3, 4), f(2, 1, 3, 4), f(2, 3)], {}),
      'mask',
      '[2, 3]',
      'bool',
    ),
    dtype(
      ({ t, f, i, b }) => t.run(attention, [f(2, 1, 3, 4), i(2, 1, 3, 4), f(2, 1, 3, 4), b(2, 3)], {}),
      'int32[2, 1, 3, 4]',
      '.astype',
    ),
  ],
  attentionGradient: [
    shape(
      ({ t, f }) =>
        t.run(attentionGradient, [f(2, 1, 3, 4), f(2, 1, 3, 4), f(2, 1, 3, 4), f(2, 1, 3, 4), f(2, 1, 3, 4)], {}),
      '[2, 1, 3, 3]',
      'weights',
    ),
    shape(
      ({ t, f }) => {
        const [square, x] = [f(2, 1, 3, 3), f(2, 1, 3, 4)];
        return t.run(attentionGradient, [square, x, x, x, x, x], {});
      },
      '[2, 1, 3, 3]',
      'weights',
    ),
    shape(({ t, f }) => t.run(attentionGradient, [f(3, 3), f(3, 4), f(3, 4), f(3, 4), f(3, 4)], {}), '[3, 4]', 'dim]'),
    dtype(
      ({ t, f, i }) => {
        const [square, x] = [f(2, 1, 3, 3), f(2, 1, 3, 4)];
        return t.run(attentionGradient, [square, x, x, x, i(2, 1, 3, 4)], {});
      },
      'int32[2, 1, 3, 4]',
      '.astype',
    ),
  ],
  matmul: [
    shape(({ f }) => f(2, 3).matmul(f(4, 5)), '[2, 3]', '[4, 5]', '3 and 4'),
    shape(({ f }) => f(3).matmul(f(3, 2)), '[3]', '[3, 2]'),
    shape(({ f }) => f(2, 2, 3).matmul(f(3, 3, 2)), '[2, 2, 3]', '[3, 3, 2]', 'batch axes', '[2] and [3]'),
    dtype(({ i }) => i(2, 2).matmul(i(2, 2)), 'int32[2, 2]'),
    dtype(({ f, i }) => f(2, 2).matmul(i(2, 2)), 'int32[2, 2]', '.astype'),
    usage(({ f }) => f(2, 2).matmul(given(3)), 'number 3', 'tensor'),
    usage(({ f }) => f(2, 2).matmul(given(undefined)), 'undefined', 'tensor'),
  ],
  groupedMatmul: [
    shape(({ f, ints }) => f(2, 3).groupedMatmul(f(1, 4, 5), ints(0, 2)), '[2, 3]', '[1, 4, 5]'),
    shape(({ f, ints }) => f(2, 3).groupedMatmul(f(2, 3, 5), ints(0, 2)), '[2, 3, 5]', 'int32[2]', 'int32[3]'),
    shape(({ f }) => f(2, 3).groupedMatmul(f(1, 3, 5), f(2)), '[2]', 'int32'),
    dtype(({ i, ints }) => i(2, 3).groupedMatmul(i(1, 3, 5), ints(0, 2)), 'int32[2, 3]'),
    data(({ f, ints }) => f(2, 3).groupedMatmul(f(1, 3, 5), ints(0, 3)), 'position 1'),
    data(({ f, ints }) => f(2, 3).groupedMatmul(f(2, 3, 5), ints(0, 2, 1)), 'position 2'),
    data(({ f, ints }) => f(2, 3).groupedMatmul(f(1, 3, 5), ints(1, 2)), 'position 0'),
  ],
  groupedOuter: [
    shape(({ f, ints }) => f(2, 3).groupedOuter(f(3, 4), ints(0, 2)), '[2, 3]', '[3, 4]'),
    shape(({ f }) => f(2, 3).groupedOuter(f(2, 4), f(2)), '[2]', 'int32'),
    shape(({ f, ints }) => f(2, 3).groupedOuter(f(2, 4), ints()), 'int32[0]'),
    dtype(({ i, ints }) => i(2, 3).groupedOuter(i(2, 4), ints(0, 2)), 'int32[2, 3]'),
    data(({ f, ints }) => f(2, 3).groupedOuter(f(2, 4), ints(0, 3)), 'position 1'),
  ],
  linear: [
    shape(({ t, f }) => t.run(linear, [f(2, 3), f(4, 5), f(5)], plain), '[2, 3]', '[4, 5]'),
    shape(({ t, f }) => t.run(linear, [f(2, 3), f(3, 5), f(1)], plain), '[3, 5]', '[1]', 'b [out]'),
    shape(({ t, f }) => t.run(linear, [f(2, 2, 3), f(3, 5), f(5)], plain), '[2, 2, 3]', 'x [row, in]'),
    dtype(({ t, i }) => t.run(linear, [i(2, 3), i(3, 5), i(5)], plain), 'int32[2, 3]'),
    dtype(({ t, f, i }) => t.run(linear, [f(2, 3), f(3, 5), i(5)], plain), 'int32[5]', '.astype'),
    usage(({ t, f }) => t.run(linear, [f(2, 3), f(3, 5), f(5)], given({ activation: 'elu' })), 'elu', 'gelu'),
  ],
  groupedLinear: [
    shape(({ t, f, ints }) => t.run(groupedLinear, [f(2, 3), f(1, 4, 5), f(1, 5), ints(0, 2)], plain), '[1, 4, 5]'),
    shape(({ t, f, ints }) => t.run(groupedLinear, [f(2, 3), f(2, 3, 5), f(1, 5), ints(0, 1, 2)], plain), '[1, 5]'),
    shape(
      ({ t, f, ints }) => t.run(groupedLinear, [f(2, 3), f(2, 3, 5), f(2, 5), ints(0, 2)], plain),
      'int32[2]',
      'int32[3]',
    ),
    shape(({ t, f }) => t.run(groupedLinear, [f(2, 3), f(1, 3, 5), f(1, 5), f(2)], plain), '[2]', 'int32'),
    dtype(({ t, i, ints }) => t.run(groupedLinear, [i(2, 3), i(1, 3, 5), i(1, 5), ints(0, 2)], plain), 'int32[2, 3]'),
    usage(
      ({ t, f, ints }) =>
        t.run(groupedLinear, [f(2, 3), f(1, 3, 5), f(1, 5), ints(0, 2)], given({ activation: 'toString' })),
      'toString',
    ),
    data(({ t, f, ints }) => t.run(groupedLinear, [f(2, 3), f(1, 3, 5), f(1, 5), ints(0, 3)], plain), 'position 1'),
    data(({ t, f, ints }) => t.run(groupedLinear, [f(2, 3), f(1, 3, 5), f(1, 5), ints(1, 2)], plain), 'position 0'),
  ],
  topKGate: [
    usage(({ t, f }) => t.run(topKGate, [f(2, 3)], { k: 4, renormalize: true }), 'k = 4', 'from 1 to 3'),
    usage(({ t, f }) => t.run(topKGate, [f(2, 3)], { k: 0, renormalize: true }), 'k = 0'),
    usage(({ t, f }) => t.run(topKGate, [f(2, 3)], { k: 1.5, renormalize: true }), 'k = 1.5'),
    usage(({ t, f }) => t.run(topKGate, [f(2, 0)], { k: 1, renormalize: true }), '[2, 0]', 'at least one expert'),
    shape(({ t, f }) => t.run(topKGate, [f(3)], { k: 1, renormalize: true }), '[3]', 'rank 2'),
    dtype(({ t, i }) => t.run(topKGate, [i(2, 3)], { k: 1, renormalize: true }), 'int32[2, 3]'),
  ],
  topKGateGradient: [
    shape(({ t, f, i }) => t.run(topKGateGradient, [f(2, 3), f(2, 1), i(2, 1), f(2, 2)], plainGate), '[2, 2]', 'slot'),
    shape(
      ({ t, f, i }) => t.run(topKGateGradient, [f(2, 3), f(3, 1), i(3, 1), f(3, 1)], plainGate),
      '[2, 3]',
      '[3, 1]',
    ),
    shape(({ t, f, i }) => t.run(topKGateGradient, [f(3), f(2, 1), i(2, 1), f(2, 1)], plainGate), 'logits', 'rank 2'),
    dtype(({ t, f }) => t.run(topKGateGradient, [f(2, 3), f(2, 1), f(2, 1), f(2, 1)], plainGate), 'chosen', 'int32'),
    dtype(({ t, f, i }) => t.run(topKGateGradient, [f(2, 3), f(2, 1), i(2, 1), i(2, 1)], plainGate), '.astype'),
  ],
  planDispatch: [
    shape(({ t, i }) => t.run(planDispatch, [i(3), i()], { experts: 2 }), 'chosen', 'rank 2'),
    shape(({ t, i }) => t.run(planDispatch, [i(3, 1), i(1)], { experts: 2 }), 'capacity', 'rank 0'),
    dtype(({ t, f, i }) => t.run(planDispatch, [f(3, 1), i()], { experts: 2 }), 'chosen', 'int32'),
    dtype(({ t, f, i }) => t.run(planDispatch, [i(3, 1), f()], { experts: 2 }), 'capacity', 'int32'),
    usage(({ t, i }) => t.run(planDispatch, [i(3, 1), i()], { experts: -1 }), 'experts -1'),
    usage(({ t, i }) => t.run(planDispatch, [i(3, 1), i()], { experts: 1.5 }), 'experts 1.5'),
  ],
  moeDispatch: [
    shape(({ t, f, i }) => t.run(moeDispatch, [f(2, 3), i(5), i(2, 2)], {}), '[2, 3]', 'int32[5]', 'int32[2, 2]'),
    shape(({ t, f, i }) => t.run(moeDispatch, [f(2, 3), i(2), i(1, 2)], {}), 'int32[1, 2]'),
    shape(({ t, f, i }) => t.run(moeDispatch, [f(2), i(2), i(2, 1)], {}), 'x', '[2]', 'rank 2'),
    dtype(({ t, f }) => t.run(moeDispatch, [f(2, 3), f(2), f(2, 1)], {}), 'tokenOfRow', 'int32'),
    dtype(({ t, f, i }) => t.run(moeDispatch, [f(2, 3), i(2), f(2, 1)], {}), 'rowOfSlot', 'int32'),
    dtype(({ t, i }) => t.run(moeDispatch, [i(2, 3), i(2), i(2, 1)], {}), 'int32[2, 3]'),
    data(({ t, f, i, ints }) => t.run(moeDispatch, [f(2, 3), ints(0, 2), i(2, 1)], {}), '2', 'position 1'),
  ],
  moeDispatchGradient: [
    shape(({ t, f, i }) => t.run(moeDispatchGradient, [f(3, 2), i(2, 2)], {}), '[3, 2]', 'int32[2, 2]'),
    shape(({ t, f, i }) => t.run(moeDispatchGradient, [f(4), i(2, 2)], {}), 'g', '[4]', 'rank 2'),
    shape(({ t, f, i }) => t.run(moeDispatchGradient, [f(4, 2), i(4)], {}), 'rowOfSlot', 'rank 2'),
    dtype(({ t, f }) => t.run(moeDispatchGradient, [f(4, 2), f(2, 2)], {}), 'rowOfSlot', 'int32'),
    dtype(({ t, i }) => t.run(moeDispatchGradient, [i(4, 2), i(2, 2)], {}), 'int32[4, 2]'),
    data(({ t, f, ints }) => t.run(moeDispatchGradient, [f(2, 3), ints(0, 2).reshape([2, 1])], {}), '2', 'position 1'),
  ],
  moeCombine: [
    shape(({ t, f, i }) => t.run(moeCombine, [f(3, 4), f(2, 2), i(2, 2), i(4), i(4), i(2)], {}), '[3, 4]', '[2, 2]'),
    shape(({ t, f, i }) => t.run(moeCombine, [f(4, 4), f(2, 2), i(4, 1), i(4), i(4), i(2)], {}), 'int32[4, 1]'),
    shape(({ t, f, i }) => t.run(moeCombine, [f(4, 4), f(2, 2), i(2, 2), i(4), i(4), i(0)], {}), 'offsets', 'int32[0]'),
    shape(({ t, f, i }) => t.run(moeCombine, [f(4, 4), f(4), i(2, 2), i(4), i(4), i(2)], {}), 'gates', 'rank 2'),
    dtype(({ t, f, i }) => t.run(moeCombine, [f(4, 4), i(2, 2), i(2, 2), i(4), i(4), i(2)], {}), '.astype'),
    dtype(({ t, f, i }) => t.run(moeCombine, [f(4, 4), f(2, 2), f(2, 2), i(4), i(4), i(2)], {}), 'rowOfSlot'),
    dtype(({ t, f, i }) => t.run(moeCombine, [f(4, 4), f(2, 2), i(2, 2), i(4), i(4), f(2)], {}), 'offsets'),
    data(
      ({ t, f, i, ints }) =>
        t.run(moeCombine, [f(2, 4), f(1, 2), ints(0, 2).reshape([1, 2]), i(2), i(2), ints(0, 2)], {}),
      '2',
      'position 1',
    ),
  ],
  moeCombineGradient: [
    shape(
      ({ t, f, i }) => t.run(moeCombineGradient, [f(4, 3), f(2, 2), f(2, 4), i(2, 2), i(4), i(4), i(2)], {}),
      '[4, 3]',
      '[2, 4]',
      'g [token, width]',
    ),
    shape(
      ({ t, f, i }) => t.run(moeCombineGradient, [f(4, 3), f(2, 2), f(2, 3), i(4, 1), i(4), i(4), i(2)], {}),
      'int32[4, 1]',
    ),
    dtype(
      ({ t, f, i }) => t.run(moeCombineGradient, [f(4, 3), f(2, 2), i(2, 3), i(2, 2), i(4), i(4), i(2)], {}),
      '.astype',
    ),
    dtype(
      ({ t, f, i }) => t.run(moeCombineGradient, [f(4, 3), f(2, 2), f(2, 3), i(2, 2), i(4), i(4), f(2)], {}),
      'offsets',
    ),
    data(
      ({ t, f, i, ints }) => {
        const rowOfSlot = ints(0, 2).reshape([1, 2]);
        return t.run(moeCombineGradient, [f(2, 4), f(1, 2), f(1, 4), rowOfSlot, i(2), i(2), ints(0, 2)], {});
      },
      '2',
      'position 1',
    ),
  ],
  gram: [shape(({ f }) => f(3).gram(), '[3]'), dtype(({ i }) => i(2, 3).gram(), 'int32[2, 3]')],
  orthogonalProject: [
    shape(({ f }) => f(2, 3).orthogonalProject(f(3, 1)), '[2, 3]', '[3, 1]'),
    shape(({ f }) => f(2, 3).orthogonalProject(f(2, 1), 'right'), '[2, 3]', '[2, 1]'),
    shape(({ f }) => f(2, 2, 3).orthogonalProject(f(2, 1)), '[2, 2, 3]', '[2, 1]'),
    dtype(({ i }) => i(2, 3).orthogonalProject(i(2, 1)), 'int32[2, 3]'),
  ],
  orthogonalUpdate: [
    shape(({ t, f }) => t.run(orthogonalUpdate, [f(2, 3), f(2, 3), f(2, 3, 1)], update), '[2, 3]', 'output side'),
    shape(({ t, f }) => t.run(orthogonalUpdate, [f(2, 3, 4), f(2, 3), f(2, 4, 1)], update), '[2, 3, 4]', '[2, 3]'),
    shape(({ t, f }) => t.run(orthogonalUpdate, [f(2, 3, 4), f(2, 4), f(2, 3, 1)], update), '[2, 3, 1]', 'out, rank'),
    shape(({ t, f }) => t.run(orthogonalUpdate, [f(2, 3, 4), f(2, 4), f(1, 4, 1)], update), '[1, 4, 1]'),
    shape(
      ({ t, f }) => t.run(orthogonalUpdate, [f(2, 3, 4), f(2, 4), f(2, 3, 1)], { ...update, side: 'input' }),
      '[2, 3, 1]',
      'in + 1',
    ),
    usage(({ t, f }) => t.run(orthogonalUpdate, [f(2, 3, 4), f(2, 4), f(2, 4, 1)], { ...update, limit: 0.5 }), '0.5'),
    usage(
      ({ t, f }) => t.run(orthogonalUpdate, [f(2, 3, 4), f(2, 4), f(2, 4, 1)], { ...update, limit: Number.NaN }),
      'NaN',
    ),
    dtype(({ t, i }) => t.run(orthogonalUpdate, [i(2, 3, 4), i(2, 4), i(2, 4, 1)], update), 'int32[2, 3, 4]'),
    dtype(
      ({ t, f, i }) => t.run(orthogonalUpdate, [f(2, 3, 4), i(2, 4), f(2, 4, 1)], update),
      'int32[2, 4]',
      '.astype',
    ),
  ],
  topK: [
    usage(({ f }) => f(2, 3).topK(4), 'k = 4', '[2, 3]'),
    usage(({ f }) => f(2, 3).topK(0), 'k = 0', '[2, 3]'),
    usage(({ f }) => f(2, 3).topK(1.5), 'k = 1.5'),
    usage(({ f }) => f(2, 0).topK(1), 'k = 1', '[2, 0]'),
    shape(({ f }) => f().topK(1), '[]'),
    dtype(({ b }) => b(2).topK(1), 'bool[2]'),
  ],
  sort: [shape(({ f }) => f().sort(), '[]'), dtype(({ b }) => b(2).sort(), 'bool[2]')],
  oneHot: [
    dtype(({ f }) => f(2).oneHot(3), '[2]', 'int32'),
    usage(({ ints }) => ints(0).oneHot(-1), 'depth -1'),
    usage(({ ints }) => ints(0).oneHot(1.5), 'depth 1.5'),
  ],
  fill: [
    ...named(
      'zeros',
      shape(({ t }) => t.zeros([2, -1]), '[2, -1]'),
      shape(({ t }) => t.zeros([2 ** 20, 2 ** 20]), '[1048576, 1048576]'),
    ),
    ...named(
      'full',
      shape(({ t }) => t.full([0.5], 1), '[0.5]'),
      shape(({ t }) => t.full(given(3), 0), 'shape 3', '[3]'),
      usage(({ t }) => t.full([2], 0.5, 'int32'), '0.5', 'int32'),
      usage(({ t }) => t.full([2], 2 ** 31, 'int32'), '2147483648', 'int32'),
    ),
  ],
  gather: [
    shape(({ f, ints }) => f(2, 3).gather(ints(0), 2), 'axis 2', 'rank 2'),
    shape(({ f, i }) => f(2, 3).gather(i(1, 1)), 'int32[1, 1]'),
    dtype(({ f }) => f(2, 3).gather(f(1)), 'indices', '[1]', 'int32'),
    usage(({ f }) => f(2, 3).gather(given([0])), 'an array'),
    data(({ f, ints }) => f(2, 3).gather(ints(0, 3), 1), 'index 3', 'position 1'),
    data(({ f, ints }) => f(2, 3).gather(ints(-1)), 'index -1', 'position 0'),
    data(({ f, ints }) => f(0, 3).gather(ints(0)), 'index 0'),
  ],
  scatterAdd: [
    shape(({ f, ints }) => f(2, 3).scatterAdd(ints(0), f(1, 3), 2), 'axis 2'),
    shape(({ f, ints }) => f(2, 3).scatterAdd(ints(0, 1), f(1, 3)), '[2, 3]', 'int32[2]', '[1, 3]'),
    dtype(({ f, i, ints }) => f(2, 3).scatterAdd(ints(0), i(1, 3)), 'int32[1, 3]', '.astype'),
    dtype(({ f }) => f(2, 3).scatterAdd(f(1), f(1, 3)), 'indices', 'int32'),
    data(({ f, ints }) => f(2, 3).scatterAdd(ints(2), f(1, 3)), 'index 2', 'position 0'),
  ],
  concat: [
    shape(({ t }) => t.concat([]), 'no tensors'),
    shape(({ t, f }) => t.concat([f(2, 3), f(2, 4)]), '[2, 3]', '[2, 4]'),
    shape(({ t, f }) => t.concat([f(2, 3), f(2)]), '[2, 3]', '[2]'),
    dtype(({ t, f, i }) => t.concat([f(2), i(2)]), 'int32[2]', '.astype'),
    usage(({ t, f }) => t.concat([f(2), given(3)]), 'number 3'),
    shape(({ t, f }) => t.concat([f(2)], 1), 'axis 1'),
    shape(({ t, f }) => t.concat([f(), f()]), 'rank 0'),
  ],
  stack: [
    shape(({ t }) => t.stack([]), 'no tensors'),
    shape(({ t, f }) => t.stack([f(2), f(3)], 1), '[2]', '[3]'),
    shape(({ t, f }) => t.stack([f(2)], 2), 'axis 2'),
    dtype(({ t, f, i }) => t.stack([f(2), i(2)]), 'int32[2]', '.astype'),
  ],
  reshape: [
    shape(({ f }) => f(2, 3).reshape([4, 2]), '[2, 3]', '[4, 2]'),
    shape(({ f }) => f(2, 3).reshape([4, -1]), '[2, 3]', '[4, -1]'),
    shape(({ f }) => f(2, 3).reshape([-1, -1]), '[2, 3]', '[-1, -1]'),
    shape(({ f }) => f(0, 3).reshape([0, -1]), '[0, 3]', '[0, -1]'),
    shape(({ f }) => f(2, 3).reshape([1.5, 4]), '[1.5, 4]'),
    shape(({ f }) => f(2, 3).reshape([-2, -3]), '[-2, -3]'),
    shape(({ f }) => f(2, 3).reshape(given(6)), 'shape 6', '[6]'),
  ],
  permuteDims: [
    shape(({ f }) => f(2, 3).permuteDims([0]), '[0]', '[2, 3]'),
    shape(({ f }) => f(2, 3).permuteDims([0, 0]), '[0, 0]', '[2, 3]'),
    shape(({ f }) => f(2, 3).permuteDims([0, 2]), 'axis 2'),
  ],
  transpose: [shape(({ f }) => f(3).transpose(), '[3]')],
  broadcastTo: [
    shape(({ f }) => f(2, 3).broadcastTo([4, 3]), '[2, 3]', '[4, 3]'),
    shape(({ f }) => f(2, 3).broadcastTo([3]), '[2, 3]', '[3]'),
    shape(({ f }) => f(1).broadcastTo([-1]), '[-1]'),
  ],
  slice: [
    shape(({ f }) => f(2, 3).slice([0, 1], 2), 'axis 2'),
    usage(({ f }) => f(2, 3).slice([0, 1], 0, 0), 'step 0'),
    usage(({ f }) => f(2, 3).slice([0.5, 1]), '0.5'),
    shape(({ f }) => f(2, 3).slice(given(1)), 'range 1'),
    usage(({ f }) => f(2, 3).slice([0, Number.NaN]), 'NaN'),
  ],
  flip: [shape(({ f }) => f(2).flip(1), 'axis 1')],
  expandDims: [shape(({ f }) => f(2).expandDims(3), 'axis 3')],
  squeeze: [shape(({ f }) => f(2, 1).squeeze(0), 'axis 0', '[2, 1]'), shape(({ f }) => f(1).squeeze(1), 'axis 1')],
  dropout: [
    usage(({ t, f }) => t.dropout(f(2), 1, key(0)), 'rate 1'),
    dtype(({ t, i }) => t.dropout(i(2), 0, key(0)), 'int32[2]'),
    usage(({ t, f }) => t.dropout(f(2), -0.1, key(0)), 'rate -0.1'),
    usage(({ t, f }) => t.dropout(f(2), Number.NaN, key(0)), 'rate NaN'),
  ],
  adamwStep: [
    shape(({ t, f }) => t.run(adamwStep, [f(2), f(2), f(3), f(2)], step), '[2]', '[3]'),
    shape(({ t, f }) => t.run(adamwStep, [f(2), f(2), f(2)], step), '[2]', 'second moment'),
    shape(({ t, f }) => t.run(adamwStep, [f(), f(), f(), f(), f(2), f(2), f(2), f(3)], step), '[3]'),
    shape(
      ({ t, f }) => t.run(adamwStep, [f(2), f(2), f(2), f(2)], { ...step, weightDecays: [0, 0] }),
      '1 parameters',
      '2 weight decays',
    ),
    dtype(({ t, i }) => t.run(adamwStep, [i(2), i(2), i(2), i(2)], step), 'int32[2]'),
    dtype(({ t, f, i }) => t.run(adamwStep, [f(2), f(2), f(2), i(2)], step), 'int32[2]', '.astype'),
  ],
  sgdStep: [
    shape(({ t, f }) => t.run(sgdStep, [f(2), f(3)], descent), '[2]', '[3]'),
    shape(({ t, f }) => t.run(sgdStep, [f(2), f(2), f(3)], descent), '[3]', 'gradient'),
    shape(({ t, f }) => t.run(sgdStep, [f(2), f(2)], { ...descent, momentum: 0.9 }), '[2]', 'velocity'),
    dtype(({ t, i }) => t.run(sgdStep, [i(2), i(2)], descent), 'int32[2]'),
    dtype(({ t, f, i }) => t.run(sgdStep, [f(2), i(2)], descent), 'int32[2]', '.astype'),
  ],
};

const plain = { activation: 'none' } as const;
const update = { side: 'output', bias: 'augment', renorm: true, limit: 10 } as const;
const gelu = { activation: 'gelu' } as const;
const step = { learningRate: 1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecays: [0], time: 1 };
const descent = { learningRate: 1, momentum: 0, nesterov: false, weightDecay: 0 };
const plainGate = { renormalize: false };

/** Of the engine as a whole. */
export const engineRefusals: readonly Refusal[] = [
  ...named(
    'tensor',
    shape(({ t }) => t.tensor([[1, 2], [3]]), 'ragged', '[2, 2]'),
    shape(({ t }) => t.tensor([1, [2]]), 'ragged'),
    shape(({ t }) => t.tensor([[1], 2]), 'ragged'),
    shape(({ t }) => t.tensor([1, 2, 3], [2]), '3 elements', '[2]'),
    shape(({ t }) => t.tensor(new Float32Array(3), [2, 2]), '3 elements', '[2, 2]'),
    shape(({ t }) => t.tensor(new Float32Array(3), [-3]), '[-3]'),
    dtype(({ t }) => t.tensor([1, 2.5], [2], 'int32'), '2.5', 'position 1'),
    dtype(({ t }) => t.tensor([2 ** 31], [1], 'int32'), '2147483648'),
    dtype(({ t }) => t.tensor([Number.NaN], [1], 'int32'), 'NaN'),
    usage(({ t }) => t.tensor(['1'] as unknown as number[]), 'string'),
    usage(({ t }) => t.tensor(null as unknown as number), 'null'),
    usage(({ t }) => t.tensor({} as unknown as number), 'object'),
  ),
  ...named(
    'arange',
    shape(({ t }) => t.arange(-1), '-1'),
  ),
  ...named(
    'item',
    shape(({ f }) => f(2).item(), '[2]'),
  ),
  ...named(
    'grad',
    usage(({ t, i }) => t.grad((x: Tensor) => x.sum())(i(2)), 'int32[2]'),
    shape(({ t, f }) => t.grad((x: Tensor) => x)(f(2)), '[2]', 'rank 0'),
    shape(({ t, f }) => t.grad(() => 1 as unknown as Tensor)(f(2)), 'number'),
    shape(({ t, f }) => t.grad((async (x: Tensor) => x) as unknown as (x: Tensor) => Tensor)(f(2)), 'promise'),
  ),
  ...named(
    'sum',
    usage(({ t, f }) => {
      const kept: Tensor[] = [];
      t.grad((x: Tensor) => {
        kept.push(x);
        return x.sum();
      })(f(2));
      return kept[0].sum();
    }, 'taken already'),
  ),
  ...named(
    'add',
    usage(({ t, f }) => f(2).add(new Engine(t.backend, t.options).zeros([2])), 'two engines'),
  ),
];
