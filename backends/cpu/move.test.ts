import fc from 'fast-check';
import ndarray from 'ndarray';
import { describe, expect, it } from 'vitest';
import * as spec from '../../spec/ops/index.ts';
import type { DType } from '../../src/backend.ts';
import { check, expectClose, type HostView, int, real, run, shapes, sizes, small, viewOf } from './kernels.fixture.ts';

describe('moving', () => {
  const anyDType = fc.constantFrom<DType>('float32', 'float64', 'int32');
  const withAxis = shapes(1).chain((shape) =>
    fc.tuple(fc.constant(shape), fc.integer({ min: 0, max: shape.length - 1 }), anyDType),
  );

  it('copy, fill and cast', () =>
    check(
      fc.tuple(shapes(0, 4), anyDType).chain(([shape, dtype]) => viewOf(shape, dtype, small)),
      (x) => {
        expectClose(run('copy', [x], {}, x)[0], real(x));
        for (const dtype of ['float32', 'float64', 'int32'] as const)
          expectClose(run('cast', [x], {}, { ...x, dtype })[0], real(x));
        const zero = spec.binary('subtract', real(x), real(x));
        expectClose(run('cast', [x], {}, { ...x, dtype: 'bool' })[0], spec.notEqual(real(x), zero));
        expectClose(run('fill', [], { value: 3 }, x)[0], spec.add(zero, ndarray(Float64Array.of(3), [])));
      },
    ));

  it('casts reals to int32 toward zero and NaN to 0, to bool as x ≠ 0', () => {
    const x: HostView = {
      buffer: Float64Array.of(-1.9, 1.9, Number.NaN, 0, 0.1),
      shape: [5],
      strides: [1],
      offset: 0,
      dtype: 'float64',
    };
    expect([...run('cast', [x], {}, { ...x, dtype: 'int32' })[0]]).toEqual([-1, 1, 0, 0, 0]);
    expect([...run('cast', [x], {}, { ...x, dtype: 'bool' })[0]]).toEqual([1, 1, 1, 0, 1]);
  });

  it('gather and scatterAdd', () => {
    const cases = withAxis.chain(([shape, axis, dtype]) => {
      const index = fc.integer({ min: 0, max: Math.max(0, shape[axis] - 1) });
      return sizes.chain((size) => {
        const m = shape[axis] === 0 ? 0 : size;
        const updates = viewOf(shape.with(axis, m), dtype, small);
        return fc.record({
          axis: fc.constant(axis),
          x: viewOf(shape, dtype, small),
          indices: viewOf([m], 'int32', index),
          updates,
        });
      });
    });
    check(cases, ({ axis, x, indices, updates }) => {
      expectClose(run('gather', [x, indices], { axis }, updates)[0], spec.gather(real(x), int(indices), axis));
      expectClose(
        run('scatterAdd', [x, indices, updates], { axis }, x)[0],
        spec.scatterAdd(real(x), int(indices), real(updates), axis),
      );
    });
  });

  it('concat', () => {
    const cases = withAxis.chain(([shape, axis, dtype]) =>
      fc.tuple(
        fc.constant(axis),
        fc.array(
          sizes.chain((size) => viewOf(shape.with(axis, size), dtype, small)),
          { minLength: 1, maxLength: 3 },
        ),
      ),
    );
    check(cases, ([axis, parts]) => {
      const size = parts.reduce((sum, part) => sum + part.shape[axis], 0);
      expectClose(
        run('concat', parts, { axis }, { ...parts[0], shape: parts[0].shape.with(axis, size) })[0],
        spec.concat(parts.map(real), axis),
      );
    });
  });
});
