import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as spec from '../../spec/ops/index.ts';
import type { Spec } from '../../src/backend.ts';
import {
  check,
  expectClose,
  floats,
  type HostView,
  moderate,
  real,
  run,
  shapes,
  small,
  u,
  viewOf,
} from './kernels.fixture.ts';

describe('reductions', () => {
  const cases = (element: fc.Arbitrary<number>) =>
    fc.tuple(shapes(1, 4), floats).chain(([shape, dtype]) =>
      fc.record({
        x: viewOf(shape, dtype, element),
        axes: fc.subarray(
          shape.map((_, axis) => axis),
          { minLength: 1 },
        ),
      }),
    );
  const reduced = (x: Spec, axes: readonly number[]): Spec => ({
    ...x,
    shape: x.shape.filter((_, axis) => !axes.includes(axis)),
  });

  const definitions = { sum: spec.sum, max: spec.max, min: spec.min };
  it.each(['sum', 'max', 'min'] as const)('%s', (kind) =>
    check(cases(fc.oneof(small, small, fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY))), ({ x, axes }) =>
      expectClose(run('reduce', [x], { kind, axes }, reduced(x, axes))[0], definitions[kind](real(x), axes)),
    ),
  );

  // Sums of small integers are exact, so only the division rounds, alike on both sides.
  it('mean', () =>
    check(cases(small), ({ x, axes }) =>
      expectClose(run('mean', [x], { axes }, reduced(x, axes))[0], spec.mean(real(x), axes)),
    ));

  // Σ of N ≤ 256 squares in some order, each rounded twice: γ_{N+3} on either side
  it('variance', () =>
    check(fc.tuple(cases(small), fc.integer({ min: 0, max: 1 })), ([{ x, axes }, correction]) =>
      expectClose(
        run('variance', [x], { axes, correction }, reduced(x, axes))[0],
        spec.variance(real(x), axes, { correction }),
        (y) => 2 * 259 * u * Math.abs(y),
      ),
    ));

  // A sum of N ≤ 256 exponentials is off by γ_{N+2}, absolute after the logarithm; log and the shift |m| ≤ 8 add 3 roundings.
  it('logSumExp', () =>
    check(cases(fc.oneof(moderate, fc.constant(Number.NEGATIVE_INFINITY))), ({ x, axes }) =>
      expectClose(
        run('logSumExp', [x], { axes }, reduced(x, axes))[0],
        spec.logSumExp(real(x), axes),
        () => 2 * (258 + 3 * 16) * u,
      ),
    ));

  it('argmax takes the first of equals, and NaN before all', () =>
    check(cases(fc.oneof(small, fc.constant(Number.NaN))), ({ x, axes: [axis] }) => {
      fc.pre(x.shape[axis] > 0);
      expectClose(
        run('argmax', [x], { axis }, { ...reduced(x, [axis]), dtype: 'int32' })[0],
        spec.argmax(real(x), axis),
      );
    }));

  it('of nothing give 0 and the extremes of the dtype', () => {
    const empty: HostView = { buffer: new Int32Array(0), shape: [0], strides: [1], offset: 0, dtype: 'int32' };
    const of = (kind: string) => run('reduce', [empty], { kind, axes: [0] }, { shape: [], dtype: 'int32' })[0][0];
    expect([of('sum'), of('max'), of('min')]).toEqual([0, -(2 ** 31), 2 ** 31 - 1]);
  });

  it('a long int32 sum wraps at every step, where Float64 alone would lose low bits beyond 2⁵³', () => {
    const [value, size] = [2 ** 31 - 1, 2 ** 23 + 1];
    const x: HostView = { buffer: Int32Array.of(value), shape: [size], strides: [0], offset: 0, dtype: 'int32' };
    const total = Number(BigInt.asIntN(32, BigInt(value) * BigInt(size)));
    expect([...run('reduce', [x], { kind: 'sum', axes: [0] }, { shape: [], dtype: 'int32' })[0]]).toEqual([total]);
  });
});
