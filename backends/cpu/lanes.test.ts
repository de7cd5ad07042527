import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as spec from '../../spec/ops/index.ts';
import type { Spec } from '../../src/backend.ts';
import {
  check,
  expectClose,
  floats,
  type HostView,
  int,
  moderate,
  real,
  run,
  shapes,
  sizes,
  small,
  u,
  viewOf,
} from './kernels.fixture.ts';

describe('along an axis', () => {
  const along = (element: fc.Arbitrary<number>, dtypes = floats) =>
    fc
      .tuple(shapes(1), dtypes)
      .chain(([shape, dtype]) =>
        fc.record({ x: viewOf(shape, dtype, element), axis: fc.integer({ min: 0, max: shape.length - 1 }) }),
      );

  const infinite = fc.constantFrom(
    Number.NEGATIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.POSITIVE_INFINITY,
    Number.NaN,
  );
  const logits = fc.oneof({ weight: 4, arbitrary: moderate }, { weight: 1, arbitrary: infinite });

  // Sums of N ≤ 4 exponentials: γ_{N+3} of a value ≤ 1, and for the logarithm 3 roundings of numbers ≤ 18 beside it.
  it('softmax and logSoftmax', () =>
    check(along(logits), ({ x, axis }) => {
      expectClose(run('softmax', [x], { axis }, x)[0], spec.softmax(real(x), axis), (y) => 2 * 7 * u * Math.abs(y));
      expectClose(run('logSoftmax', [x], { axis }, x)[0], spec.logSoftmax(real(x), axis), () => 2 * (7 + 3 * 32) * u);
    }));

  it('neither overflow nor vanish far from 0', () => {
    const rows: HostView = {
      buffer: Float64Array.of(1000, 1000, -1000, -1000),
      shape: [2, 2],
      strides: [2, 1],
      offset: 0,
      dtype: 'float64',
    };
    const labels: HostView = { buffer: Int32Array.of(0, 1), shape: [2], strides: [1], offset: 0, dtype: 'int32' };
    const half = new Float64Array(4).fill(0.5);
    expect(run('softmax', [rows], { axis: 1 }, rows)[0]).toEqual(half);
    expect(run('logSoftmax', [rows], { axis: 1 }, rows)[0]).toEqual(half.map(Math.log));
    expect(run('crossEntropy', [rows, labels], {}, { shape: [2], dtype: 'float64' })[0]).toEqual(
      Float64Array.of(Math.LN2, Math.LN2),
    );
  });

  it('crossEntropy', () => {
    const rows = fc
      .tuple(sizes, fc.integer({ min: 1, max: 4 }), floats)
      .chain(([n, classes, dtype]) =>
        fc.tuple(viewOf([n, classes], dtype, logits), viewOf([n], 'int32', fc.integer({ min: 0, max: classes - 1 }))),
      );
    check(rows, ([z, labels]) =>
      expectClose(
        run('crossEntropy', [z, labels], {}, { shape: labels.shape, dtype: z.dtype })[0],
        spec.crossEntropy(real(z), int(labels)),
        () => 2 * (7 + 3 * 32) * u,
      ),
    );
  });

  // Means of N ≤ 4 small integers are off by one rounding, alike on both sides; after it 8 roundings of w n and one of + b.
  it('layerNorm', () => {
    const cases = fc.tuple(shapes(1), floats).chain(([shape, dtype]) => {
      const parameter = viewOf([shape.at(-1)!], dtype, small);
      return fc.tuple(viewOf(shape, dtype, small), parameter, parameter);
    });
    check(cases, ([x, w, b]) =>
      expectClose(
        run('layerNorm', [x, w, b], { epsilon: 1e-5 }, x)[0],
        spec.layerNorm(real(x), real(w), real(b), 1e-5),
        (y) => 2 * 9 * u * (Math.abs(y) + 2 * 5),
      ),
    );
  });

  it('cumsum', () =>
    check(along(small), ({ x, axis }) => expectClose(run('cumsum', [x], { axis }, x)[0], spec.cumsum(real(x), axis))));

  const ties = fc.oneof(fc.integer({ min: -1, max: 1 }), fc.constantFrom(Number.NaN, -0, Number.POSITIVE_INFINITY));
  it('sort and topK keep the order of equals', () =>
    check(along(ties), ({ x }) => {
      const n = x.shape.at(-1)!;
      const [sorted, order] = run('sort', [x], {}, x, { ...x, dtype: 'int32' });
      const definition = spec.sort(real(x));
      expectClose(order, definition.order);
      expectClose(sorted, definition.values);
      for (let k = 1; k <= n; k++) {
        const shape = [...x.shape.slice(0, -1), k];
        const [values, indices] = run('topK', [x], { k }, { shape, dtype: x.dtype }, { shape, dtype: 'int32' });
        const largest = spec.topK(real(x), k);
        expectClose(indices, largest.indices);
        expectClose(values, largest.values);
      }
    }));

  it('topK of many, which sorts, agrees with topK of few, which inserts', () =>
    check(viewOf([2, 50], 'float32', ties), (x) => {
      const top = (k: number) => {
        const output: Spec = { shape: [2, k], dtype: 'float32' };
        return run('topK', [x], { k }, output, { ...output, dtype: 'int32' })[1];
      };
      const [few, many] = [top(32), top(33)];
      expect([...few]).toEqual([...many.subarray(0, 32), ...many.subarray(33, 65)]);
      expectClose(many, spec.topK(real(x), 33).indices);
    }));

  it('oneHot', () =>
    check(
      fc.tuple(
        shapes(0).chain((shape) => viewOf(shape, 'int32', small)),
        sizes,
      ),
      ([indices, depth]) =>
        expectClose(
          run('oneHot', [indices], { depth }, { shape: [...indices.shape, depth], dtype: 'float32' })[0],
          spec.oneHot(int(indices), depth),
        ),
    ));
});
