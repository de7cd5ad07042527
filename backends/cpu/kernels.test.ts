import fc from 'fast-check';
import ndarray, { type NdArray } from 'ndarray';
import { describe, expect, it } from 'vitest';
import type { ArithmeticKind, ComparisonKind, DType, HostArray, Spec, UnaryKind, View } from '../../src/backend.ts';
import { allocate } from '../../src/shape.ts';
import type { Int, Real } from '../../spec/array.ts';
import * as spec from '../../spec/ops/index.ts';
import { type CpuBuffer, cpu } from './index.ts';

/**
 * Every kernel against its definition in spec/, on strided views: permuted, flipped, repeated, with gaps, and with sizes 0
 * and 1. Inputs are mostly small integers, whose sums and products are exact in either precision, so that a wrong stride
 * cannot hide in a tolerance; and the spec reads the very same memory through scijs strides.
 */

const backend = cpu();
type Host = View<HostArray>;

/** Some layout in memory of some shape. */
function viewOf(shape: readonly number[], dtype: DType, element: fc.Arbitrary<number>): fc.Arbitrary<Host> {
  const axes = shape.map((_, axis) => axis);
  return fc
    .record({
      order: fc.shuffledSubarray(axes, { minLength: axes.length }),
      gaps: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: axes.length, maxLength: axes.length }),
      kinds: fc.array(fc.constantFrom('plain', 'plain', 'flipped', 'repeated'), { minLength: axes.length, maxLength: axes.length }),
      lead: fc.integer({ min: 0, max: 3 }),
    })
    .chain(({ order, gaps, kinds, lead }) => {
      const strides = shape.map(() => 0);
      let [length, offset] = [1, lead];
      for (const axis of order) {
        if (kinds[axis] === 'repeated') continue;
        strides[axis] = length * gaps[axis];
        length *= Math.max(1, gaps[axis] * shape[axis]);
        if (kinds[axis] !== 'flipped' || shape[axis] === 0) continue;
        offset += (shape[axis] - 1) * strides[axis];
        strides[axis] = -strides[axis];
      }
      const size = lead + length;
      return fc.array(element, { minLength: size, maxLength: size }).map((values) => {
        const buffer = allocate(dtype, size);
        buffer.set(values);
        return { buffer, shape, strides, offset, dtype };
      });
    });
}

const sizes = fc.integer({ min: 0, max: 4 });
const shapes = (minRank: number, maxRank = 3) => fc.array(sizes, { minLength: minRank, maxLength: maxRank });
const small = fc.integer({ min: -5, max: 5 });
const hostile = fc.oneof(small, fc.float(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0));
const moderate = fc.float({ min: -8, max: 8, noNaN: true });
const floats = fc.constantFrom<DType>('float32', 'float64');

const real = (x: Host): Real => ndarray(Float64Array.from(x.buffer), [...x.shape], [...x.strides], x.offset);
const int = (x: Host): Int => real(x) as unknown as Int;

const kernels: Readonly<Record<string, unknown>> = { ...backend.kernels };
type AnyKernel = (inputs: readonly View<CpuBuffer>[], attrs: object, outputs: readonly Spec[]) => readonly CpuBuffer[];

/** Runs a kernel; the outputs as host arrays. */
function run(name: string, inputs: readonly Host[], attrs: object, ...outputs: readonly Spec[]): HostArray[] {
  const views = inputs.map((x) => ({ ...x, buffer: backend.upload(x.buffer, x.dtype) }));
  return (kernels[name] as AnyKernel)(views, attrs, outputs).map((buffer) => backend.readSync(buffer));
}

/** Within `bound` of the definition after one rounding to the dtype of `actual`; without a bound, equal (±0 alike). */
function expectClose(actual: HostArray, definition: NdArray<Float64Array | Int32Array | Uint8Array>, bound = (_: number) => 0) {
  const expected: number[] = [];
  const flat = spec.reshape(definition as Real, [definition.size]);
  for (let i = 0; i < flat.shape[0]; i++) expected.push(flat.get(i));
  expect(actual.length).toBe(expected.length);
  const round = (x: number) => (actual instanceof Float32Array ? Math.fround(x) : x);
  let worst: { index: number; actual: number; expected: number; bound: number } | undefined;
  let excess = 0;
  expected.forEach((value, index) => {
    const same = Object.is(actual[index], round(value)) || actual[index] === round(value);
    const slack = bound(value);
    // Around the definition lies [value ± slack]; what is stored is some number of it, rounded.
    const inside = slack > 0 && actual[index] >= round(value - slack) && actual[index] <= round(value + slack);
    const distance = Math.abs(actual[index] - value) / (slack || 1);
    if (same || inside || (worst && distance <= excess)) return;
    worst = { index, actual: actual[index], expected: value, bound: slack };
    excess = distance;
  });
  expect(worst, 'the worst element').toBeUndefined();
}

const u = 2 ** -53;
const runs = { numRuns: 60 };
const check = <T>(arbitrary: fc.Arbitrary<T>, law: (example: T) => void) => fc.assert(fc.property(arbitrary, law), runs);

describe('elementwise', () => {
  const arrays = (count: number, element: fc.Arbitrary<number>) =>
    fc.tuple(shapes(0, 4), floats).chain(([shape, dtype]) => fc.tuple(...Array.from({ length: count }, () => viewOf(shape, dtype, element))));

  const unaryKinds = ['negative', 'abs', 'sign', 'reciprocal', 'square', 'exp', 'log', 'sqrt', 'tanh'] satisfies UnaryKind[];
  it.each(unaryKinds)('%s', (kind) =>
    check(arrays(1, hostile), ([x]) => expectClose(run('unary', [x], { kind }, x)[0], spec.unary(kind, real(x)))));

  it.each(['relu', 'sigmoid', 'silu', 'softplus', 'gelu', 'geluTanh'] as const)('%s', (name) =>
    // gelu: x(1 + erf)/2 against x erfc(−x/√2)/2 differ by 4 + 2 units of erf ≤ 1, times |x| ≤ 8 and 1/2; geluTanh rounds
    // its cubic in another order, 4 roundings in an argument |t| ≤ 25 where tanh' ≤ 1/cosh², and |t|/cosh² t < 1/2.
    check(arrays(1, moderate), ([x]) =>
      expectClose(run(name, [x], {}, x)[0], spec.unary(name, real(x)), () => (name.startsWith('gelu') ? 8 * 8 * u : 0))));

  // 4 units in the last place, as declared, and 4 of the definition; one is at most 2u of the value
  it('erf', () =>
    check(arrays(1, moderate), ([x]) =>
      expectClose(run('unary', [x], { kind: 'erf' }, x)[0], spec.unary('erf', real(x)), (y) => 16 * u * Math.abs(y))));

  const arithmetic = ['add', 'subtract', 'multiply', 'divide', 'power', 'maximum', 'minimum'] satisfies ArithmeticKind[];
  it.each(arithmetic)('%s', (kind) =>
    check(arrays(2, hostile), ([a, b]) =>
      expectClose(run('binary', [a, b], { kind }, a)[0], spec.binary(kind, real(a), real(b)))));

  const comparisons = ['equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual'] satisfies ComparisonKind[];
  it.each(comparisons)('%s', (kind) =>
    check(arrays(2, fc.oneof(small, hostile)), ([a, b]) =>
      expectClose(run('binary', [a, b], { kind }, { ...a, dtype: 'bool' })[0], spec.compare(kind, real(a), real(b)))));

  it('logic and select', () =>
    check(
      shapes(0, 4).chain((shape) => {
        const mask = viewOf(shape, 'bool', fc.integer({ min: 0, max: 1 }));
        return fc.tuple(mask, mask, viewOf(shape, 'int32', small), viewOf(shape, 'int32', small));
      }),
      ([p, q, a, b]) => {
        const [left, right] = [int(p), int(q)] as unknown as NdArray<Uint8Array>[];
        expectClose(run('binary', [p, q], { kind: 'logicalAnd' }, p)[0], spec.logicalAnd(left, right));
        expectClose(run('binary', [p, q], { kind: 'logicalOr' }, p)[0], spec.logicalOr(left, right));
        expectClose(run('unary', [p], { kind: 'logicalNot' }, p)[0], spec.logicalNot(left));
        expectClose(run('select', [p, a, b], {}, a)[0], spec.where(left, real(a), real(b)));
      },
    ));

  it('int32 wraps modulo 2³²', () => {
    const any = viewOf([4], 'int32', fc.oneof(fc.integer(), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1)));
    const wrap = (x: bigint) => Number(BigInt.asIntN(32, x));
    check(fc.tuple(any, any), ([a, b]) => {
      const [x, y] = [run('copy', [a], {}, a)[0], run('copy', [b], {}, b)[0]];
      const pairs = Array.from(x, (value, i) => [BigInt(value), BigInt(y[i])] as const);
      const binary = (kind: ArithmeticKind) => [...run('binary', [a, b], { kind }, a)[0]];
      expect(binary('add')).toEqual(pairs.map(([p, q]) => wrap(p + q)));
      expect(binary('subtract')).toEqual(pairs.map(([p, q]) => wrap(p - q)));
      expect(binary('multiply')).toEqual(pairs.map(([p, q]) => wrap(p * q)));
      expect([...run('unary', [a], { kind: 'square' }, a)[0]]).toEqual(pairs.map(([p]) => wrap(p * p)));
      const total = pairs.reduce((sum, [p]) => sum + p, 0n);
      expect([...run('reduce', [a], { kind: 'sum', axes: [0] }, { shape: [], dtype: 'int32' })[0]]).toEqual([wrap(total)]);
    });
  });
});

describe('reductions', () => {
  const cases = (element: fc.Arbitrary<number>) =>
    fc.tuple(shapes(1, 4), floats).chain(([shape, dtype]) =>
      fc.record({
        x: viewOf(shape, dtype, element),
        axes: fc.subarray(shape.map((_, axis) => axis), { minLength: 1 }),
      }));
  const reduced = (x: Spec, axes: readonly number[]): Spec => ({ ...x, shape: x.shape.filter((_, axis) => !axes.includes(axis)) });

  it.each(['sum', 'max', 'min'] as const)('%s', (kind) =>
    check(cases(fc.oneof(small, small, fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY))), ({ x, axes }) =>
      expectClose(run('reduce', [x], { kind, axes }, reduced(x, axes))[0], spec[kind](real(x), axes))));

  // Sums of small integers are exact, so only the division rounds, alike on both sides.
  it('mean', () => check(cases(small), ({ x, axes }) => expectClose(run('mean', [x], { axes }, reduced(x, axes))[0], spec.mean(real(x), axes))));

  // Σ of N ≤ 256 squares in some order, each rounded twice: γ_{N+3} on either side
  it('variance', () =>
    check(fc.tuple(cases(small), fc.integer({ min: 0, max: 1 })), ([{ x, axes }, correction]) =>
      expectClose(run('variance', [x], { axes, correction }, reduced(x, axes))[0], spec.variance(real(x), axes, { correction }), (y) =>
        2 * 259 * u * Math.abs(y))));

  // A sum of N ≤ 256 exponentials is off by γ_{N+2}, absolute after the logarithm; log and the shift |m| ≤ 8 add 3 roundings.
  it('logSumExp', () =>
    check(cases(fc.oneof(moderate, fc.constant(Number.NEGATIVE_INFINITY))), ({ x, axes }) =>
      expectClose(run('logSumExp', [x], { axes }, reduced(x, axes))[0], spec.logSumExp(real(x), axes), () => 2 * (258 + 3 * 16) * u)));

  it('argmax takes the first of equals, and NaN before all', () =>
    check(cases(fc.oneof(small, fc.constant(Number.NaN))), ({ x, axes: [axis] }) => {
      fc.pre(x.shape[axis] > 0);
      expectClose(run('argmax', [x], { axis }, { ...reduced(x, [axis]), dtype: 'int32' })[0], spec.argmax(real(x), axis));
    }));

  it('of nothing give 0 and the extremes of the dtype', () => {
    const empty: Host = { buffer: new Int32Array(0), shape: [0], strides: [1], offset: 0, dtype: 'int32' };
    const of = (kind: string) => run('reduce', [empty], { kind, axes: [0] }, { shape: [], dtype: 'int32' })[0][0];
    expect([of('sum'), of('max'), of('min')]).toEqual([0, -(2 ** 31), 2 ** 31 - 1]);
  });
});
