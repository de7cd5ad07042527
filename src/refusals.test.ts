import { describe, expect, it } from 'vitest';
import { cpu } from '../backends/cpu/index.ts';
import { engine } from './engine.ts';
import { DTypeError, OmoeError, ShapeError, UsageError } from './errors.ts';
import { foldIn, key, normal, permutation, uniform } from './random.ts';
import { expectRefusal, type Refusal } from './refusals.fixture.ts';
import type { Tensor } from './tensor.ts';

/** Bad input of the engine, beyond the operations' own in property-tests/operations/errors.ts. */

const t = engine(cpu());
const x = t.ones([2, 3]);
/** What a JavaScript caller may hand over, whatever the type says. */
const given = (value: unknown): never => value as never;
const custom = (gradients: unknown) =>
  t.customGradient(
    (a, b) => a.add(b),
    () => given(gradients),
  );
const gradOf = (gradients: unknown) => () => t.grad(([a, b]: Tensor[]) => custom(gradients)(a, b).sum())([x, x]);

const table: readonly Refusal[] = [
  ['engine', UsageError, () => engine(given(undefined)), ['undefined', 'backend']],
  ['engine', UsageError, () => engine(given(cpu)), ['function', 'engine(cpu())']],
  ['engine', UsageError, () => engine(given(Promise.resolve(cpu()))), ['promise', 'Await']],
  ['engine', UsageError, () => engine(cpu(), { dtype: given('int32') }), ['int32', 'float64']],
  ['engine', UsageError, () => engine(cpu(), { dtype: given('float16') }), ['float16']],
  ['add', UsageError, () => x.add(engine(cpu()).ones([2, 3])), ['two engines']],
  ['matmul', UsageError, () => t.grad((w: Tensor) => w.matmul(given('w')).sum())(x), ["'w'"]],
  ['layerNorm', UsageError, () => x.layerNorm(given(null), x), ['null']],
  ['concat', UsageError, () => t.concat(given(x)), ['float32[2, 3]', 'array of tensors']],
  ['stack', UsageError, () => t.stack([given(1)]), ['number 1']],
  ['dropout', UsageError, () => t.dropout(given(1), 0.5, key(0)), ['number 1']],
  ['tensor', DTypeError, () => t.tensor([1], [1], given('int8')), ['int8', 'float32']],
  ['astype', DTypeError, () => x.astype(given('int8')), ['int8']],
  ['zeros', DTypeError, () => t.zeros([1], given('int8')), ['int8']],
  ['ones', ShapeError, () => t.ones(given(3)), ['[3]']],
  ['full', UsageError, () => t.full([1], given('0')), ['0']],
  ['eye', ShapeError, () => t.eye(-1), ['-1']],
  ['broadcastTo', ShapeError, () => x.broadcastTo(given(undefined)), ['undefined']],
  ['permuteDims', ShapeError, () => x.permuteDims(given(0)), ['axes 0', '[0]']],
  ['normal', UsageError, () => t.normal(given(undefined), [2]), ['undefined', 'key(0)']],
  ['normal', UsageError, () => t.normal(key(0), [2], { sd: -1 }), ['mean 0, sd -1']],
  ['normal', ShapeError, () => t.normal(key(0), given(2)), ['shape 2']],
  ['uniform', DTypeError, () => t.uniform(key(0), [2], { dtype: 'int32' }), ['int32']],
  ['uniform', UsageError, () => uniform(given(7), 2), ['7', 'key(0)']],
  ['uniform', UsageError, () => uniform(key(0), 2, 3, 1), ['low 3, high 1']],
  ['normal', UsageError, () => normal(given({ hi: 1 }), 2), ['object']],
  ['permutation', UsageError, () => permutation(key(0), -1), ['n = -1']],
  ['foldIn', UsageError, () => foldIn(key(0), given(undefined)), ['undefined']],
  ['grad', UsageError, () => t.grad(given(x)), ['float32[2, 3]', 'function']],
  ['valueAuxAndGrad', UsageError, () => t.valueAuxAndGrad((w: Tensor) => given(w.sum()))(x), ['float32[]', 'pair']],
  [
    'customGradient',
    UsageError,
    () =>
      t.customGradient(
        () => given(3),
        () => [],
      )(x),
    ['number 3'],
  ],
  ['gradient of customGradient', OmoeError, gradOf([x]), ['1 gradients', 'array of 2']],
  ['gradient of customGradient', OmoeError, gradOf([x, x, x]), ['3 gradients', 'array of 2']],
  ['gradient of customGradient', OmoeError, gradOf(undefined), ['undefined']],
  ['gradient of customGradient', UsageError, gradOf([x, 1]), ['number 1']],
];

describe('the engine refuses', () => {
  it.each(table)('%s: %o %s', expectRefusal);
  it('a read of no tensor', async () => {
    await expect(t.read(given(3))).rejects.toThrow(UsageError);
  });
});

describe('variance', () => {
  it('with a correction as large as the number of elements is NaN or ∞, never negative', async () => {
    expect(await t.tensor([5]).variance([0], { correction: 1 }).item()).toBe(Number.NaN);
    expect(await t.tensor([1, 2]).variance([0], { correction: 2 }).item()).toBe(Infinity);
  });
});

describe('options that are left undefined', () => {
  it('take their defaults', () => expect(engine(cpu(), { dtype: undefined }).dtype).toBe('float32'));
});
