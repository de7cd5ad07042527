import fc from 'fast-check';
import { describe, it } from 'vitest';
import * as spec from '../../spec/ops/index.ts';
import type { Spec } from '../../src/backend.ts';
import {
  check,
  expectClose,
  floats,
  type HostView,
  int,
  real,
  run,
  sizes,
  small,
  u,
  viewOf,
} from './kernels.fixture.ts';

describe('contractions', () => {
  const factors = fc
    .tuple(
      floats,
      fc.array(fc.tuple(sizes, fc.constantFrom('both', 'left', 'right')), { maxLength: 2 }),
      sizes,
      sizes,
      sizes,
    )
    .chain(([dtype, batch, m, k, n]) => {
      const batchOf = (side: string) => batch.map(([size, repeated]) => (repeated === side ? 1 : size));
      const outer = batch.map(([size]) => size);
      return fc.record({
        a: viewOf([...batchOf('left'), m, k], dtype, small),
        b: viewOf([...batchOf('right'), k, n], dtype, small),
        output: fc.constant<Spec>({ shape: [...outer, m, n], dtype }),
        g: viewOf([...outer, m, n], dtype, small),
        v: viewOf([...outer, m, k], dtype, small),
      });
    });

  it('matmul, batched and broadcast', () =>
    check(factors, ({ a, b, output }) =>
      expectClose(run('matmul', [a, b], {}, output)[0], spec.matmul(real(a), real(b))),
    ));

  it('gram and orthogonalProject', () =>
    check(factors, ({ g, v, output }) => {
      const cols = output.shape.at(-1)!;
      const square = { ...output, shape: [...output.shape.slice(0, -2), cols, cols] };
      expectClose(run('gram', [g], {}, square)[0], spec.gram(real(g)));
      expectClose(
        run('orthogonalProject', [g, v], { side: 'left' }, output)[0],
        spec.orthogonalProject(real(g), real(v)),
      );
    }));

  it('groupedMatmul and groupedOuter, experts without rows and rows without expert included', () => {
    const grouped = fc
      .record({
        dtype: floats,
        counts: fc.array(sizes, { maxLength: 4 }),
        ownerless: sizes,
        input: sizes,
        output: sizes,
      })
      .chain(({ dtype, counts, ownerless, input, output }) => {
        const ends = [0];
        for (const count of counts) ends.push(ends.at(-1)! + count);
        const rows = ends.at(-1)! + ownerless;
        return fc.record({
          offsets: fc.constant<HostView>({
            buffer: Int32Array.from(ends),
            shape: [ends.length],
            strides: [1],
            offset: 0,
            dtype: 'int32',
          }),
          x: viewOf([rows, input], dtype, small),
          w: viewOf([counts.length, input, output], dtype, small),
          g: viewOf([rows, output], dtype, small),
        });
      });
    check(grouped, ({ offsets, x, w, g }) => {
      expectClose(run('groupedMatmul', [x, w, offsets], {}, g)[0], spec.groupedMatmul(real(x), real(w), int(offsets)));
      expectClose(run('groupedOuter', [x, g, offsets], {}, w)[0], spec.groupedOuter(real(x), real(g), int(offsets)));
    });
  });

  it('sums real products within γ_K |A||B|', () => {
    const [m, k, n] = [7, 37, 9];
    const numbers = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    check(
      fc.tuple(viewOf([m, k], 'float64', numbers), viewOf([k, n], 'float64', numbers)),
      ([a, b]) => {
        const [left, right] = [real(a), real(b)];
        const scale = spec.matmul(spec.abs(left), spec.abs(right));
        const gamma = (k * u) / (1 - k * u);
        const actual = run('matmul', [a, b], {}, { shape: [m, n], dtype: 'float64' })[0];
        // The definition rounds as well, so the two lie within twice the bound of each other.
        expectClose(actual, spec.matmul(left, right), (_, i) => 2 * gamma * scale.get(Math.floor(i / n), i % n));
      },
      20,
    );
  });
});
